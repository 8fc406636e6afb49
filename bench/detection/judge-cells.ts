import { Worker } from 'node:worker_threads';
import type { Cell } from './cells.ts';
import type { Judged, Task, WorkerSettings } from './judge-worker.ts';
import type { Verdict } from './score.ts';

export interface Judgement {
  /** Of each cell's traces in their order, by detector. */
  readonly verdicts: ReadonlyMap<string, readonly (readonly Verdict[])[]>;
  /** Milliseconds a trace that each detector took. */
  readonly tookMs: readonly number[];
  readonly drawingMs: number;
  readonly traces: number;
}

const tracesATask = 25;

/** Spreads the cells' traces over worker threads. Which worker drew a trace makes no difference to the result. */
export async function judgeCells(
  cells: readonly Cell[],
  daysOf: (cell: Cell) => number,
  settings: WorkerSettings & { readonly workers: number },
): Promise<Judgement> {
  const tasks = cells.flatMap((cell) => tasksOf(cell, daysOf(cell)));
  const queue = tasks.values();
  const judged: Judged[] = [];
  await Promise.all(Array.from({ length: settings.workers }, () => work(queue, settings, judged)));
  const traces = tasks.reduce((sum, { from, end }) => sum + end - from, 0);
  return {
    verdicts: new Map(cells.map(({ id }) => [id, verdictsOf(id, judged, settings.detectorNames.length)])),
    tookMs: settings.detectorNames.map((_, at) => sumOf(judged, ({ tookMs }) => tookMs[at] ?? 0) / traces),
    drawingMs: sumOf(judged, ({ drawingMs }) => drawingMs) / traces,
    traces,
  };
}

function tasksOf({ id }: Cell, days: number): Task[] {
  return Array.from({ length: Math.ceil(days / tracesATask) }, (_, i) => ({
    cellId: id,
    from: i * tracesATask,
    end: Math.min(days, (i + 1) * tracesATask),
  }));
}

/** Hands one task after another to a worker of its own. */
async function work(queue: Iterator<Task>, settings: WorkerSettings, judged: Judged[]): Promise<void> {
  const worker = new Worker(new URL('./judge-worker.ts', import.meta.url), { workerData: settings });
  try {
    await new Promise<void>((resolve, reject) => {
      const next = () => {
        const { done, value } = queue.next();
        if (done === true) resolve();
        else worker.postMessage(value);
      };
      worker.on('message', (result: Judged) => {
        judged.push(result);
        next();
      });
      worker.on('error', reject);
      next();
    });
  } finally {
    await worker.terminate();
  }
}

function verdictsOf(cellId: string, judged: readonly Judged[], detectors: number): Verdict[][] {
  const parts = judged.filter((part) => part.cellId === cellId).toSorted((a, b) => a.from - b.from);
  return Array.from({ length: detectors }, (_, at) => parts.flatMap(({ verdicts }) => verdicts[at] ?? []));
}

function sumOf<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((sum, item) => sum + value(item), 0);
}
