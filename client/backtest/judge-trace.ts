import { addToTotals, asReference, noTotals } from '../../domain/baseline.ts';
import type { PeerMinute } from '../../domain/detection/habits/habits.ts';
import { learn, type Past } from '../../domain/detection/learn.ts';
import { minuteOf } from '../../domain/detection/minute.ts';
import type { Reference } from '../../domain/detection/reference.ts';
import type { Histogram } from '../../domain/histogram.ts';
import { defaultPolicy, type Policy } from '../../domain/policy.ts';
import { noCounts, type Sample } from '../../domain/sample.ts';
import { type Check, type Decision, firstDecision, type ReplayContext, replay, type Step } from './replay.ts';
import { type Series, seriesOf } from './series.ts';
import { minutesAfter, minutesBefore, type Trace } from './trace.ts';

const minuteMs = 60_000;

/** A deployment's checks, a minute each: of the day before it and of the day after. */
export interface Days {
  readonly before: readonly Check[];
  readonly after: readonly Check[];
}

/** Minute after minute of the day after the deployment, with what the product's own judge says of it. */
export function judgeDays({ before, after }: Days, policy: Policy = defaultPolicy): Generator<Step> {
  return replay(after, contextOf(before, policy));
}

function judgeTrace(trace: Trace, policy: Policy): Generator<Step> {
  return judgeDays(daysOf(trace), policy);
}

/** The first breach; its minute is `t` of the newest row that it rests on. */
export function decide(trace: Trace, policy: Policy = defaultPolicy): Decision | null {
  return inRows(firstDecision(judgeTrace(trace, policy), { policy, deployedAtMs }));
}

/** The whole day after the deployment, for a chart; minutes are the rows' `t`. */
export function traceSeries(trace: Trace, policy: Policy): Series {
  const { points, decision } = seriesOf(judgeTrace(trace, policy), { policy, deployedAtMs });
  return {
    points: points.map((point) => ({ ...point, minute: point.minute - 1 })),
    decision: inRows(decision),
  };
}

/** A row is over, and can be judged, a minute after its `t`. */
function inRows(decision: Decision | null): Decision | null {
  return decision === null ? null : { ...decision, minute: decision.minute - 1 };
}

const deployedAtMs = 0;

export function daysOf(trace: Trace): Days {
  const checks = (from: number, end: number) =>
    Array.from({ length: end - from }, (_, i) => checkOf(trace, from + i)).filter((check) => check !== null);
  return {
    before: checks(0, minutesBefore),
    after: checks(minutesBefore, minutesBefore + minutesAfter),
  };
}

function checkOf(trace: Trace, row: number): Check | null {
  const sample = sampleOf(trace, row);
  if (sample === null) return null;
  return { kind: sample.durationMs > 0 ? 'sample' : 'blind', sample, peers: peersOf(trace, row) };
}

function contextOf(before: readonly Check[], policy: Policy): ReplayContext {
  const measured = before.filter(({ kind }) => kind === 'sample');
  const minutes = measured.map(({ sample, peers }) => minuteOf(sample, policy, peers));
  const past: Past = { minutes, starts: [], label: 'the day before at this hour' };
  const calibration = learn(past, policy);
  const references = calibration === null ? minutesBeforeIt(measured.map(({ sample }) => sample)) : [];
  return { policy, deployedAtMs, calibration, references, past };
}

/** Too little to learn from is still something to compare with. */
function minutesBeforeIt(samples: readonly Sample[]): Reference[] {
  const totals = samples.reduce((sum, sample) => addToTotals(sum, sample), noTotals);
  if (totals.requests === 0) return [];
  const reference = asReference(totals, 'before_deployment', 'the minutes before the deployment');
  return [{ ...reference, latency: histogramAround(samples, totals.requests) }];
}

/** Of the latency a percentile alone is known: all requests in one narrow bucket, so that every percentile is that one. */
function histogramAround(samples: readonly Sample[], requests: number): Histogram | null {
  const known = samples.flatMap(({ latencyQuantileMs }) => latencyQuantileMs ?? []).toSorted((a, b) => a - b);
  const median = known[known.length >> 1];
  return median === undefined || median <= 0
    ? null
    : { boundsMs: [median * 0.999, median * 1.001], counts: [0, requests, 0] };
}

function sampleOf(trace: Trace, row: number): Sample | null {
  const requests = known(trace.requests[row]);
  const failed = known(trace.healthFailed[row]);
  if (requests === null && failed === null) return null;
  const atMs = (row - minutesBefore + 1) * minuteMs;
  const shared = {
    tick: atMs,
    regular: true,
    atMs,
    probes: [],
    ...(failed === null ? {} : { healthChecks: { failed, all: 6 } }),
    missing: [],
  };
  if (requests === null) return { ...noCounts, ...shared, durationMs: 0 };
  return {
    ...noCounts,
    ...shared,
    requests,
    errors: known(trace.errors[row]) ?? 0,
    latencyQuantileMs: known(trace.p95Ms[row]),
    memoryPercent: known(trace.memoryPercent[row]),
    dbConnectionErrors: known(trace.dbErrors[row]),
    durationMs: minuteMs,
  };
}

function peersOf(trace: Trace, row: number): PeerMinute | null {
  const requests = known(trace.peerRequests[row]);
  if (requests === null) return null;
  const errors = known(trace.peerErrors[row]) ?? 0;
  return { requests, errors, latencyMs: known(trace.peerP95Ms[row]) };
}

function known(value: number | undefined): number | null {
  return value === undefined || Number.isNaN(value) ? null : value;
}
