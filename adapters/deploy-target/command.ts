import type { LiveService } from '../../domain/live.ts';
import { childEnvironment } from '../child-environment.ts';
import { fillIn, refuseOption } from '../command-arguments.ts';
import { type CommandRequest, type CommandResult, commandError, runCommand } from '../run-command.ts';
import type { DeployTarget, Restorable, StepContext } from './deploy-target.ts';
import { liveByName, parseLive } from './live-schema.ts';

const defaultTimeLimitMs = 300_000;
const defaultOutputLimitBytes = 64 * 1024;
const heartbeatMs = 2_000;

/**
 * Four commands as argument lists, never read by a shell. `{service}`, `{release}` and `{key}` are replaced
 * inside arguments. A command may be run again with the same `{key}` and must then change nothing more.
 */
export interface CommandTargetOptions {
  /** Prints a {@link LiveService} as JSON, or just the release on one line. */
  readonly live: readonly string[];
  /** Exit code 0: restorable; any other: not, and the output says why. */
  readonly restorable: readonly string[];
  readonly restore: readonly string[];
  readonly restart: readonly string[];
  readonly cwd?: string;
  /** With PATH and HOME the whole environment of the commands. */
  readonly env?: Readonly<Record<string, string>>;
  /** For each command, milliseconds; default 300,000. */
  readonly timeLimitMs?: number;
  /** How much output is kept; default 64 KiB. */
  readonly outputLimitBytes?: number;
}

type Names = Readonly<Record<string, string>>;

/** Whatever a script can deploy to. */
export function createCommandTarget(options: CommandTargetOptions): DeployTarget {
  const run = async (argv: readonly string[], names: Names, signal: AbortSignal, step?: StepContext) => {
    const request = requestFor(options, argv, names, signal);
    const result = step === undefined ? await runCommand(request) : await runWithHeartbeats(request, step);
    return { request, result };
  };
  const act = async (argv: readonly string[], names: Names, step: StepContext) => {
    const { request, result } = await run(argv, { ...names, key: step.key }, step.signal, step);
    if (result.exitCode !== 0) throw commandError(request, result);
  };

  return {
    async live(service, signal) {
      const { request, result } = await run(options.live, { service }, signal);
      if (result.exitCode !== 0) throw commandError(request, result);
      return readLive(service, request, result);
    },
    async restorable(service, release, signal) {
      const { request, result } = await run(options.restorable, { service, release }, signal);
      if (result.exitCode === null) throw commandError(request, result);
      return restorableFrom(request, result);
    },
    restore: (service, release, step) => act(options.restore, { service, release }, step),
    restart: (service, step) => act(options.restart, { service }, step),
  };
}

function requestFor(
  options: CommandTargetOptions,
  argv: readonly string[],
  names: Names,
  signal: AbortSignal,
): CommandRequest {
  for (const [name, value] of Object.entries(names)) refuseOption(name, value);
  return {
    argv: argv.map((argument) => fillIn(argument, names)),
    cwd: options.cwd,
    env: childEnvironment(options.env ?? {}),
    signal,
    timeLimitMs: options.timeLimitMs ?? defaultTimeLimitMs,
    outputLimitBytes: options.outputLimitBytes ?? defaultOutputLimitBytes,
  };
}

async function runWithHeartbeats(request: CommandRequest, step: StepContext): Promise<CommandResult> {
  let progress = `running ${request.argv.join(' ')}`;
  const beat = () => step.heartbeat(progress);
  const onOutput = (text: string) => {
    progress = text.trim().split('\n').at(-1)?.slice(0, 200) || progress;
  };
  beat();
  const timer = setInterval(beat, heartbeatMs);
  try {
    return await runCommand({ ...request, onOutput });
  } finally {
    clearInterval(timer);
  }
}

function readLive(service: string, request: CommandRequest, result: CommandResult): LiveService {
  const text = result.stdout.trim();
  if (text.startsWith('{')) return liveFromJson(text, request);
  if (text === '' || text.includes('\n')) {
    const shown = text.slice(0, 200) || 'nothing';
    throw new Error(
      `"${request.argv.join(' ')}" should print JSON or one line with the release, not: ${shown}`,
    );
  }
  return liveByName(service, text);
}

function liveFromJson(text: string, request: CommandRequest): LiveService {
  const place = `"${request.argv.join(' ')}" printed`;
  try {
    return parseLive(JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError) throw new Error(`${place} what is no JSON: ${error.message}`);
    throw new Error(`${place} JSON that is ${error instanceof Error ? error.message : error}`);
  }
}

function restorableFrom(request: CommandRequest, result: CommandResult): Restorable {
  const restorable = result.exitCode === 0;
  const words = result.output.trim().slice(-1_000);
  return { restorable, reason: words || `"${request.argv.join(' ')}" exited with ${result.exitCode}` };
}
