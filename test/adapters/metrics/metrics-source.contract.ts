import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type {
  Cursor,
  Measurement,
  MeasureRequest,
  MetricsSource,
} from '../../../adapters/metrics/metrics-source.ts';
import { histogramTotal, quantileMs } from '../../../domain/histogram.ts';
import type { Counts } from '../../../domain/sample.ts';

/** What a service did since it was last asked. */
export interface Served {
  /** Requests, errors included. */
  readonly requests: number;
  readonly errors: number;
  /** The latency of every request. */
  readonly latencyMs: number;
}

/** The ways in which a source may fail to answer. */
export type Trouble = 'unreachable' | 'slow' | 'failing' | 'empty';

/** One source and the real thing behind it, as a contract test handles them. */
export interface MetricsHarness {
  readonly source: MetricsSource;
  /** Everything but cursor and signal. */
  request(): Omit<MeasureRequest, 'cursor' | 'signal'>;
  serve(served: Served): Promise<void>;
  trouble(kind: Trouble): Promise<void>;
  close(): Promise<void>;
  /** What a reason must mention, e.g. the address. */
  readonly address: string;
  /** The source's own time limit, milliseconds. */
  readonly timeoutMs: number;
}

/** Some sources have percentiles only. */
function p95({ latency, latencyQuantileMs }: Counts): number | null | undefined {
  return quantileMs(latency, 0.95) ?? latencyQuantileMs;
}

/** What every metrics source does alike. */
export function describeMetricsSource(name: string, makeHarness: () => Promise<MetricsHarness>): void {
  describe(`${name} as a metrics source`, () => {
    let harness: MetricsHarness;
    beforeEach(async () => {
      harness = await makeHarness();
    });
    afterEach(() => harness.close());

    const measure = (cursor: Cursor | null, signal = new AbortController().signal): Promise<Measurement> =>
      harness.source.measure({ ...harness.request(), cursor, signal });

    async function measured(cursor: Cursor | null) {
      const measurement = await measure(cursor);
      if (measurement.kind !== 'measured') throw new Error(`${measurement.kind}: ${measurement.reason}`);
      return { ...measurement, cursor: JSON.parse(JSON.stringify(measurement.cursor)) as Cursor };
    }

    async function blind(kind: Trouble) {
      await harness.trouble(kind);
      const measurement = await measure(null);
      if (measurement.kind === 'measured') throw new Error('measured although the source is in trouble');
      expect(measurement.reason).toContain(harness.address);
      return measurement;
    }

    it('counts nothing without a cursor, however much was served before', async () => {
      await harness.serve({ requests: 500, errors: 20, latencyMs: 30 });
      const { counts } = await measured(null);
      expect(counts).toMatchObject({ requests: 0, errors: 0 });
      expect(counts.latency === null ? 0 : histogramTotal(counts.latency)).toBe(0);
    });

    it('counts what was served since the cursor, which survives storage as JSON', async () => {
      await harness.serve({ requests: 500, errors: 20, latencyMs: 30 });
      const first = await measured(null);
      await harness.serve({ requests: 40, errors: 3, latencyMs: 30 });
      const second = await measured(first.cursor);
      expect(second.counts).toMatchObject({ requests: 40, errors: 3 });
      await harness.serve({ requests: 7, errors: 0, latencyMs: 30 });
      expect((await measured(second.cursor)).counts).toMatchObject({ requests: 7, errors: 0 });
    });

    it('gives the same counts to an attempt that is repeated with the same cursor', async () => {
      const first = await measured(null);
      await harness.serve({ requests: 40, errors: 3, latencyMs: 30 });
      const once = await measured(first.cursor);
      const again = await measured(first.cursor);
      expect(again.counts.requests).toBe(once.counts.requests);
      expect(again.counts.errors).toBe(once.counts.errors);
    });

    it('counts zero when nobody used the service: that is data, not blindness', async () => {
      await harness.serve({ requests: 5, errors: 1, latencyMs: 30 });
      const first = await measured(null);
      expect((await measured(first.cursor)).counts).toMatchObject({ requests: 0, errors: 0 });
    });

    it('tells slow requests from fast ones', async () => {
      const first = await measured(null);
      await harness.serve({ requests: 100, errors: 0, latencyMs: 20 });
      const fast = await measured(first.cursor);
      await harness.serve({ requests: 100, errors: 0, latencyMs: 900 });
      const slow = await measured(fast.cursor);
      expect(p95(fast.counts)).toBeLessThan(100);
      expect(p95(slow.counts)).toBeGreaterThan(400);
    });

    it('answers "error" when it cannot be reached', async () => {
      expect((await blind('unreachable')).kind).toBe('error');
    });

    it('answers "error" with the status when it fails', async () => {
      const { kind, reason } = await blind('failing');
      expect(kind).toBe('error');
      expect(reason).toContain('500');
    });

    it('answers "timeout" within its limit when it is slow', async () => {
      const startedMs = performance.now();
      expect((await blind('slow')).kind).toBe('timeout');
      expect(performance.now() - startedMs).toBeLessThan(harness.timeoutMs + 1_000);
    });

    it('answers "no_data" when it knows nothing of the service', async () => {
      expect((await blind('empty')).kind).toBe('no_data');
    });

    it('answers at once when the check is cancelled', async () => {
      await harness.trouble('slow');
      const controller = new AbortController();
      setTimeout(() => controller.abort(), 20);
      const startedMs = performance.now();
      expect((await measure(null, controller.signal)).kind).not.toBe('measured');
      expect(performance.now() - startedMs).toBeLessThan(harness.timeoutMs);
    });
  });
}
