import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What ends the things that a benchmark started; the last one is called first. */
export type Ends = (() => unknown)[];

/** Runs a benchmark in a folder of its own and ends what it started: when it is done, when it is told to stop, at the deadline. */
export async function boundedRun(
  deadlineMs: number,
  run: (folder: string, ends: Ends) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'orchestrator-bench-'));
  const ends: Ends = [() => rm(folder, { recursive: true, force: true, maxRetries: 5 })];
  const end = async () => {
    for (const close of ends.splice(0).reverse()) await Promise.resolve(close()).catch(() => undefined);
  };
  const giveUp = () => {
    console.error('stopped before its end');
    void end().then(() => process.exit(1));
  };
  const deadline = setTimeout(giveUp, deadlineMs);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, giveUp);
  try {
    await run(folder, ends);
  } finally {
    clearTimeout(deadline);
    await end();
  }
}
