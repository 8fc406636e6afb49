import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { boundedText } from './bounded-text.ts';
import { stopGroup } from './stop-group.ts';

const stopGraceMs = 5_000;
const lastOutputMs = 500;

export interface CommandRequest {
  /** Program and arguments; no shell reads them. */
  readonly argv: readonly string[];
  readonly cwd?: string;
  /** The whole environment of the command. */
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Milliseconds. */
  readonly timeLimitMs: number;
  /** How much output is kept, half from its head and half from its tail. */
  readonly outputLimitBytes: number;
  /** Called with each piece of output. */
  readonly onOutput?: (text: string) => void;
}

export interface CommandResult {
  /** `null` when a signal ended the command. */
  readonly exitCode: number | null;
  readonly stdout: string;
  /** Standard output and standard error as they came. */
  readonly output: string;
}

/**
 * Runs a command in its own process group to its end. At the time limit or on abort the whole group is
 * stopped before this throws, so that a retry never runs beside what it retries. A command that ends by
 * itself may leave daemons behind; they are left alone.
 */
export async function runCommand(request: CommandRequest): Promise<CommandResult> {
  request.signal.throwIfAborted();
  const [program = '', ...args] = request.argv;
  const { cwd, env } = request;
  const child = spawn(program, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const kept = keepOutput(child, request);
  const exit = once(child, 'exit');
  exit.catch(() => undefined);
  await started(child, request);
  const limit = AbortSignal.timeout(request.timeLimitMs);
  const ended = await Promise.race([exit, aborted(AbortSignal.any([request.signal, limit]))]);
  if (ended === 'aborted' && child.pid !== undefined) await stopGroup(child.pid, { graceMs: stopGraceMs });
  await lastOutput(child);
  request.signal.throwIfAborted();
  if (ended === 'aborted') {
    throw new Error(
      `${nameOf(request)} was stopped at its limit of ${request.timeLimitMs} ms${said(kept.output())}`,
    );
  }
  return { exitCode: child.exitCode, stdout: kept.stdout(), output: kept.output() };
}

/** The error of a command that ended otherwise than it should. */
export function commandError(request: CommandRequest, result: CommandResult): Error {
  const end = result.exitCode === null ? 'was ended by a signal' : `exited with ${result.exitCode}`;
  return new Error(`${nameOf(request)} ${end}${said(result.output)}`);
}

function keepOutput(child: ChildProcess, request: CommandRequest) {
  const stdout = boundedText(request.outputLimitBytes);
  const output = boundedText(request.outputLimitBytes);
  child.stdout?.on('data', (chunk: Buffer) => stdout.add(chunk));
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output.add(chunk);
      request.onOutput?.(chunk.toString());
    });
  }
  return { stdout: () => stdout.text(), output: () => output.text() };
}

async function started(child: ChildProcess, request: CommandRequest): Promise<void> {
  try {
    await once(child, 'spawn');
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    throw new Error(`${nameOf(request)} could not be started: ${words}`, { cause: error });
  }
}

function aborted(signal: AbortSignal): Promise<'aborted'> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve('aborted');
    else signal.addEventListener('abort', () => resolve('aborted'), { once: true });
  });
}

/** Daemons left behind may hold the pipes open for ever: what comes late is not waited for. */
async function lastOutput(child: ChildProcess): Promise<void> {
  const pipes = [child.stdout, child.stderr].filter((stream) => stream !== null);
  const open = pipes.filter((pipe) => !pipe.closed);
  const closed = Promise.all(open.map((pipe) => once(pipe, 'close').catch(() => null)));
  await Promise.race([closed, sleep(lastOutputMs, undefined, { ref: false })]);
  for (const pipe of pipes) pipe.destroy();
}

function nameOf(request: CommandRequest): string {
  return `command "${request.argv.join(' ')}"`;
}

function said(output: string): string {
  const tail = output.trim().slice(-1_000);
  return tail === '' ? ', without output' : `: ${tail}`;
}
