import { childEnvironment } from '../child-environment.ts';
import { fillIn, refuseOption } from '../command-arguments.ts';
import { commandError, runCommand } from '../run-command.ts';
import type { CompatibilityCheck } from './compatibility-check.ts';

export interface CommandCompatibilityOptions {
  /** Never read by a shell. `{service}`, `{from}` and `{to}` are replaced inside arguments. */
  readonly command: readonly string[];
  readonly cwd?: string;
  /** With PATH and HOME the whole environment of the command. */
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds; default 10,000: a rollback waits for it. */
  readonly timeLimitMs?: number;
}

/** A user's own check. Exit code 0: compatible; any other: not, and the output says why. */
export function createCommandCompatibility(options: CommandCompatibilityOptions): CompatibilityCheck {
  return {
    async between(service, releases, signal) {
      const names = { service, ...releases };
      for (const [name, value] of Object.entries(names)) refuseOption(name, value);
      const request = {
        argv: options.command.map((argument) => fillIn(argument, names)),
        cwd: options.cwd,
        env: childEnvironment(options.env ?? {}),
        signal,
        timeLimitMs: options.timeLimitMs ?? 10_000,
        outputLimitBytes: 16 * 1024,
      };
      const result = await runCommand(request);
      if (result.exitCode === null) throw commandError(request, result);
      const words = result.output.trim().slice(-1_000);
      return {
        compatible: result.exitCode === 0,
        reason: words || `"${request.argv.join(' ')}" exited with ${result.exitCode}`,
      };
    },
  };
}
