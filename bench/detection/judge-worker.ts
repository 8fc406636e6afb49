import { parentPort, workerData } from 'node:worker_threads';
import { cells, drawTrace } from './cells.ts';
import { detectors } from './detectors.ts';
import type { Verdict } from './score.ts';

/** Traces `from` to `end - 1` of a cell. */
export interface Task {
  readonly cellId: string;
  readonly from: number;
  readonly end: number;
}

export interface Judged extends Task {
  /** By detector, then by trace. */
  readonly verdicts: readonly (readonly Verdict[])[];
  /** Milliseconds that each detector took. */
  readonly tookMs: readonly number[];
  readonly drawingMs: number;
}

export interface WorkerSettings {
  readonly seed: string;
  readonly detectorNames: readonly string[];
}

const { seed, detectorNames } = workerData as WorkerSettings;
const judges = detectors.filter(({ name }) => detectorNames.includes(name));

parentPort?.on('message', (task: Task) => parentPort?.postMessage(judge(task)));

function judge(task: Task): Judged {
  const cell = cells.find(({ id }) => id === task.cellId);
  if (cell === undefined) throw new Error(`There is no cell ${task.cellId}.`);
  const verdicts: Verdict[][] = judges.map(() => []);
  const tookMs = judges.map(() => 0);
  let drawingMs = 0;
  for (let index = task.from; index < task.end; index += 1) {
    const started = performance.now();
    const { trace, onset } = drawTrace(cell, seed, index);
    drawingMs += performance.now() - started;
    for (const [at, detector] of judges.entries()) {
      const startedMs = performance.now();
      verdicts[at]?.push({ rollback: detector.decide(trace), onset });
      tookMs[at] = (tookMs[at] ?? 0) + performance.now() - startedMs;
    }
  }
  return { ...task, verdicts, tookMs, drawingMs };
}
