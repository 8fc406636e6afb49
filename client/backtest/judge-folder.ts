import { readdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Policy } from '../../domain/policy.ts';
import type { Decision } from './replay.ts';

export interface FolderTask {
  /** The file's name without `.csv` or `.csv.gz`. */
  readonly id: string;
  readonly file: string;
}

export interface WorkerSettings {
  readonly policies: readonly Policy[];
  /** Where charts go; `null`: none are drawn. */
  readonly plot: string | null;
}

/** One decision for each policy, in their order, or what is wrong with the file. */
export type Judged =
  | { readonly id: string; readonly decisions: readonly (Decision | null)[] }
  | { readonly id: string; readonly problem: string };

const mostWorkers = 8;

/** The traces of a folder in the order of their names. Of two files of one id the second is a problem. */
export async function tracesIn(folder: string): Promise<FolderTask[]> {
  const names = (await readdir(folder)).filter((name) => /\.csv(\.gz)?$/.test(name));
  return names
    .toSorted()
    .map((name) => ({ id: name.replace(/\.csv(\.gz)?$/, ''), file: join(folder, name) }));
}

/** Judges file after file on all cores, each worker one at a time, so that memory does not grow with the folder. */
export async function judgeFolder(tasks: readonly FolderTask[], settings: WorkerSettings): Promise<Judged[]> {
  const first = new Map(tasks.toReversed().map(({ id, file }) => [id, file]));
  const doubled = tasks.filter(({ id, file }) => first.get(id) !== file);
  const single = tasks.filter(({ id, file }) => first.get(id) === file);
  const judged = new Map<string, Judged>();
  const queue = single.values();
  const workers = Math.min(mostWorkers, availableParallelism(), single.length);
  await Promise.all(Array.from({ length: workers }, () => work(queue, settings, judged)));
  return [
    ...single.flatMap(({ id }) => judged.get(id) ?? []),
    ...doubled.map(({ id, file }) => ({
      id,
      problem: `${file}: the id ${id} is taken by ${first.get(id)}; allowed is one file for each`,
    })),
  ];
}

/** Built code runs from dist/, a checkout runs its TypeScript. */
const program = import.meta.url.replace(/judge-folder\.([jt]s)$/, 'trace-worker.$1');

/** Hands one file after another to a worker of its own; a file that kills it is a problem of that file alone. */
async function work(
  queue: Iterator<FolderTask>,
  settings: WorkerSettings,
  judged: Map<string, Judged>,
): Promise<void> {
  const worker = new Worker(new URL(program), {
    workerData: settings,
    // Nearly everything is garbage a minute later.
    resourceLimits: { maxYoungGenerationSizeMb: 64 },
  });
  const killedBy = await new Promise<Judged | null>((resolve) => {
    let current: FolderTask | null = null;
    const next = () => {
      const { done, value } = queue.next();
      current = done === true ? null : value;
      if (current === null) resolve(null);
      else worker.postMessage(current);
    };
    worker.on('message', (result: Judged) => {
      judged.set(result.id, result);
      next();
    });
    worker.on('error', (error: Error) => {
      const { id, file } = current as unknown as FolderTask;
      resolve({ id, problem: `${file}: ${error.message}` });
    });
    next();
  });
  await worker.terminate();
  if (killedBy === null) return;
  judged.set(killedBy.id, killedBy);
  await work(queue, settings, judged);
}
