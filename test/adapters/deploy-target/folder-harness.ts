import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { DeployTarget } from '../../../adapters/deploy-target/deploy-target.ts';
import { eventually } from '../temporary.ts';
import type { DeployTargetHarness } from './deploy-target.contract.ts';
import { ask, layRelease } from './sample-service.ts';

/** The harness of a target over `<root>/api/releases/<release>/` whose instances are processes of the sample service. */
export function folderHarness(root: string, target: DeployTarget): DeployTargetHarness {
  return {
    target,
    restoreRollsOut: false,
    lay: (release) => layRelease(root, 'api', release),
    layUnusable: (release) => mkdir(join(root, 'api', 'releases', release)),
    missing: (release) => join('api', 'releases', release),
    async whoIs({ url }) {
      const { pid, release } = await ask(url);
      return { identity: String(pid), release };
    },
    async crash(identity) {
      process.kill(Number(identity), 'SIGKILL');
      await eventually(async () =>
        (await target.live('api', AbortSignal.timeout(10_000))).instances.some(({ running }) => !running),
      );
    },
  };
}
