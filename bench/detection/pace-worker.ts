import { workerData } from 'node:worker_threads';
import { readTraceFile } from '../../client/backtest/read-trace.ts';
import { detectors } from './detectors.ts';

export interface PaceTask {
  readonly detector: string;
  readonly files: readonly string[];
}

const { detector, files } = workerData as PaceTask;
const judge = detectors.find(({ name }) => name === detector);
if (judge === undefined) throw new Error(`There is no detector ${detector}.`);

for (const file of files) judge.decide(await readTraceFile(file));
