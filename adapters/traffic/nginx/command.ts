import { childEnvironment } from '../../child-environment.ts';
import { commandError, runCommand } from '../../run-command.ts';
import type { NginxReach } from '../nginx.ts';

/** Runs a command to its end; one that fails is an error with its words. */
export async function runNginx(reach: NginxReach, argv: readonly string[]): Promise<void> {
  const { cwd, signal, timeoutMs: timeLimitMs } = reach;
  const request = { argv, cwd, env: childEnvironment({}), signal, timeLimitMs, outputLimitBytes: 8_192 };
  const result = await runCommand(request);
  if (result.exitCode !== 0) throw commandError(request, result);
}
