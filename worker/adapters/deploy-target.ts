import { createCommandTarget } from '../../adapters/deploy-target/command.ts';
import type { DeployTarget } from '../../adapters/deploy-target/deploy-target.ts';
import { createLocalProcessTarget } from '../../adapters/deploy-target/local-process.ts';
import type { DeployTargetSettings } from '../../config/schema/deploy-targets.ts';
import { ms, texts, type Written } from './written.ts';

export function targetOf(service: string, settings: DeployTargetSettings, written: Written): DeployTarget {
  const env = texts(settings.env ?? {}, written);
  const argv = (list: readonly string[]) => list.map(written.text);
  switch (settings.kind) {
    case 'local-process': {
      const { root, command, instances = 1 } = settings;
      const local = {
        command: argv(command),
        instances,
        basePort: settings.base_port,
        besideBasePort: settings.beside_base_port,
        env,
        stopTimeoutMs: ms(settings.stop_timeout_seconds),
      };
      return createLocalProcessTarget({ root: written.path(root), services: { [service]: local } });
    }
    case 'command':
      return createCommandTarget({
        live: argv(settings.live),
        restorable: argv(settings.restorable),
        restore: argv(settings.restore),
        restart: argv(settings.restart),
        cwd: written.path(settings.cwd ?? '.'),
        env,
        timeLimitMs: ms(settings.time_limit_seconds),
      });
  }
}
