import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../bench/detection/random.ts';
import { makeTrace } from '../../bench/detection/traffic.ts';
import { traceText, writeTraces } from '../../bench/detection/write-traces.ts';
import { parseTrace, readTraceFile } from '../../client/backtest/read-trace.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'traces-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('traces written for the measurement of pace', () => {
  it('are read by orchestrator backtest as they were drawn, to three digits', () => {
    const { trace } = makeTrace(new Random('written'), { noise: 'burst', requestsPerMinute: 50 });
    trace.requests[7] = Number.NaN;
    const read = parseTrace(traceText(trace), 'x.csv');
    expect(read.requests).toEqual(trace.requests);
    expect(read.healthFailed).toEqual(trace.healthFailed);
    for (const [row, ms] of trace.p95Ms.entries())
      if (!Number.isNaN(ms)) expect(Math.abs((read.p95Ms[row] as number) / ms - 1)).toBeLessThan(0.005);
  });

  it('are as many as asked, each in its own file, and other ones for another seed', async () => {
    await writeTraces(folder, 11, '1');
    const names = (await readdir(folder)).toSorted();
    expect(names).toHaveLength(11);
    const first = await readTraceFile(join(folder, names[0] as string));
    await writeTraces(folder, 1, '2');
    expect((await readTraceFile(join(folder, names[0] as string))).requests).not.toEqual(first.requests);
  });
});
