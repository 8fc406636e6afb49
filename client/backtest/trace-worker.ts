import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { caseChart } from './case-chart.ts';
import type { FolderTask, Judged, WorkerSettings } from './judge-folder.ts';
import { decide, traceSeries } from './judge-trace.ts';
import { readTraceFile } from './read-trace.ts';

const { policies, plot } = workerData as WorkerSettings;

parentPort?.on('message', (task: FolderTask) => {
  void judgeFile(task).then((judged) => parentPort?.postMessage(judged));
});

async function judgeFile({ id, file }: FolderTask): Promise<Judged> {
  try {
    const trace = await readTraceFile(file);
    const decisions = policies.map((policy) => decide(trace, policy));
    const [policy] = policies;
    if (plot !== null && policy !== undefined)
      await writeFile(join(plot, `${id}.svg`), caseChart(id, traceSeries(trace, policy)));
    return { id, decisions };
  } catch (error) {
    return { id, problem: error instanceof Error ? error.message : String(error) };
  }
}
