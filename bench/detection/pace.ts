import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { tracesIn } from '../../client/backtest/judge-folder.ts';
import type { PaceTask } from './pace-worker.ts';
import { writeTraces } from './write-traces.ts';

const orchestrator = fileURLToPath(new URL('../../bin/orchestrator.js', import.meta.url));
/** What 5,000 traces in 120 s are. */
const targetMs = 24;

/** How long the product's own command takes for a folder of traces, beside the quickest sound rival on the same files. */
export async function measurePace(count: number, seed: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'traces-'));
  try {
    const writtenMs = await timeOf(() => writeTraces(folder, count, seed));
    const oursMs = (await timeOf(() => backtest(folder))) / count;
    const ruleDMs = (await timeOf(() => judgeAll(folder, 'rule-d'))) / count;
    const cores = availableParallelism();
    const total = (ms: number) => `${((ms * count) / 1000).toFixed(1)} s, ${ms.toFixed(1)} ms a trace`;
    return [
      `${count} traces, written in ${(writtenMs / 1000).toFixed(0)} s; judged on ${cores} cores, files read, processes started:`,
      `orchestrator backtest   ${total(oursMs)}; target: ${targetMs} ms (5,000 in 120 s on two cores)`,
      `rule D                  ${total(ruleDMs)}`,
      `ours : rule D           ${(oursMs / ruleDMs).toFixed(1)}`,
    ].join('\n');
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function backtest(folder: string): Promise<void> {
  const args = [orchestrator, 'backtest', '--traces', folder, '--out', join(folder, 'decisions.json')];
  await promisify(execFile)(process.execPath, args, { maxBuffer: 64 * 1024 * 1024 });
}

/** As `orchestrator backtest` does: a worker for each core. */
async function judgeAll(folder: string, detector: string): Promise<void> {
  const files = (await tracesIn(folder)).map(({ file }) => file);
  const workers = availableParallelism();
  await Promise.all(
    Array.from({ length: workers }, (_, at) =>
      judgeFiles({ detector, files: files.filter((_file, i) => i % workers === at) }),
    ),
  );
}

function judgeFiles(task: PaceTask): Promise<void> {
  return new Promise((resolve, reject) => {
    new Worker(new URL('./pace-worker.ts', import.meta.url), { workerData: task })
      .on('error', reject)
      .on('exit', () => resolve());
  });
}

async function timeOf(work: () => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}
