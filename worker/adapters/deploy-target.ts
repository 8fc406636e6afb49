import { createCommandTarget } from '../../adapters/deploy-target/command.ts';
import type { DeployTarget } from '../../adapters/deploy-target/deploy-target.ts';
import { createLocalProcessTarget } from '../../adapters/deploy-target/local-process.ts';
import type { DeployTargetSettings } from '../../config/schema/deploy-targets.ts';
import { ms, type Written } from './written.ts';

export function targetOf(service: string, settings: DeployTargetSettings, written: Written): DeployTarget {
  const env = Object.fromEntries(
    Object.entries(settings.env ?? {}).map(([name, value]) => [name, written.text(value)]),
  );
  const texts = (list: readonly string[]) => list.map(written.text);
  switch (settings.kind) {
    case 'local-process': {
      const {
        root,
        command,
        instances = 1,
        base_port: basePort,
        stop_timeout_seconds: stopSeconds,
      } = settings;
      const local = { command: texts(command), instances, basePort, env, stopTimeoutMs: ms(stopSeconds) };
      return createLocalProcessTarget({ root: written.path(root), services: { [service]: local } });
    }
    case 'command':
      return createCommandTarget({
        live: texts(settings.live),
        restorable: texts(settings.restorable),
        restore: texts(settings.restore),
        restart: texts(settings.restart),
        cwd: written.path(settings.cwd ?? '.'),
        env,
        timeLimitMs: ms(settings.time_limit_seconds),
      });
  }
}
