import { fileURLToPath } from 'node:url';
import * as labels from '../../client/backtest/labels.ts';
import { readTraceFile } from '../../client/backtest/read-trace.ts';
import type { Trace } from './trace.ts';

export type { Label } from '../../client/backtest/labels.ts';

/** A folder of `labels.json` and one gzipped table a trace; `null` where there is none. */
export function readLabels(folder: URL): Promise<labels.Label[] | null> {
  return labels.readLabels(fileURLToPath(folder));
}

export function readTrace(folder: URL, id: string): Promise<Trace> {
  return readTraceFile(fileURLToPath(new URL(`${id}.csv.gz`, folder)));
}
