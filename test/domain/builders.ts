import type { Change, ChangeSet } from '../../domain/changes.ts';
import type { Deployment } from '../../domain/deployment.ts';
import type { Reference } from '../../domain/detection/reference.ts';
import type { Trigger, TriggerType, Verdict } from '../../domain/detection/verdict.ts';
import { newWindow, type WindowContext, type WindowState } from '../../domain/detection/window/evidence.ts';
import { judgeWindow } from '../../domain/detection/window/judge-window.ts';
import type { Histogram } from '../../domain/histogram.ts';
import type { Incident } from '../../domain/incident.ts';
import {
  defaultPolicy,
  type MonitoringPolicy,
  type Policy,
  type TriggerPolicies,
} from '../../domain/policy.ts';
import { noCounts, type Probe, type Sample } from '../../domain/sample.ts';

export const second = 1000;
export const minute = 60 * second;
export const hour = 60 * minute;
export const day = 24 * hour;

/** 2026-01-26T10:00:00Z, the specification's deployment. */
export const deployedAt = Date.UTC(2026, 0, 26, 10);

type Partially<T> = { readonly [K in keyof T]?: Partial<T[K]> };

export function aPolicy(
  over: {
    readonly enabled?: boolean;
    readonly monitoring?: Partial<MonitoringPolicy>;
    readonly triggers?: Partially<TriggerPolicies>;
  } = {},
): Policy {
  const { monitoring, triggers } = defaultPolicy;
  return {
    ...defaultPolicy,
    enabled: over.enabled ?? true,
    monitoring: { ...monitoring, ...over.monitoring },
    triggers: {
      errorRate: { ...triggers.errorRate, ...over.triggers?.errorRate },
      latency: { ...triggers.latency, ...over.triggers?.latency },
      memory: { ...triggers.memory, ...over.triggers?.memory },
      database: { ...triggers.database, ...over.triggers?.database },
      healthCheck: { ...triggers.healthCheck, ...over.triggers?.healthCheck },
      alert: { ...triggers.alert, ...over.triggers?.alert },
    },
  };
}

/** A regular check one minute after the one before it: 150 requests/s, nothing wrong. */
export function aSample(over: Partial<Sample> = {}): Sample {
  const atMs = over.atMs ?? deployedAt + hour;
  return {
    ...noCounts,
    requests: 9_000,
    tick: atMs,
    regular: true,
    atMs,
    durationMs: minute,
    probes: [aProbe()],
    missing: [],
    ...over,
  };
}

/** Regular checks, one a minute, the first at `fromMs`. */
export function samples(overs: readonly Partial<Sample>[], fromMs = deployedAt + hour): Sample[] {
  return overs.map((over, i) => aSample({ atMs: fromMs + i * minute, ...over }));
}

export function aProbe(over: Partial<Probe> = {}): Probe {
  return { instance: 'web-1', healthy: true, detail: '200 in 4 ms', ...over };
}

export const aFailingProbe = aProbe({ healthy: false, detail: 'connection refused' });

const boundsMs = [50, 100, 200, 280, 400, 420, 600, 1_000, 2_000];

/** `aHistogram({ 100: 90, 400: 10 })`: 90 requests of 50–100 ms, 10 of 280–400 ms; `Infinity` is the open bucket. */
export function aHistogram(counts: Readonly<Record<number, number>>): Histogram {
  return { boundsMs, counts: [...boundsMs, Number.POSITIVE_INFINITY].map((bound) => counts[bound] ?? 0) };
}

/** A day of the specification's healthy service: 0.5 errors a minute at 150 requests/s, p95 280 ms. */
export function aReference(over: Partial<Reference> = {}): Reference {
  const durationMs = over.durationMs ?? day;
  const minutes = durationMs / minute;
  return {
    kind: 'last_known_good',
    label: 'v2.4.0',
    requests: 9_000 * minutes,
    errors: Math.round(0.5 * minutes),
    durationMs,
    latency: aHistogram({ 100: 4_500 * minutes, 280: 4_050 * minutes, 400: 450 * minutes }),
    ...over,
  };
}

export function aContext(over: Partial<WindowContext> = {}): WindowContext {
  return { policy: aPolicy(), references: [aReference()], deployedAtMs: deployedAt, ...over };
}

/** Judges sample after sample; per sample the verdicts by trigger. */
export function play(
  stream: readonly Sample[],
  context = aContext(),
  between: (state: WindowState) => WindowState = (state) => state,
): Record<TriggerType, Verdict>[] {
  let state = newWindow;
  return stream.map((sample) => {
    const step = judgeWindow(between(state), sample, context);
    state = step.state;
    const byTrigger = step.verdicts.map((verdict) => [verdict.trigger, verdict] as const);
    return Object.fromEntries(byTrigger) as Record<TriggerType, Verdict>;
  });
}

export function states(trigger: TriggerType, stream: readonly Sample[], context = aContext()): string[] {
  return play(stream, context).map((verdicts) => verdicts[trigger].state);
}

/** The last verdict of a trigger. */
export function verdictOf(trigger: TriggerType, stream: readonly Sample[], context = aContext()): Verdict {
  return play(stream, context).at(-1)?.[trigger] as Verdict;
}

export function aDeployment(over: Partial<Deployment> & { readonly release?: string } = {}): Deployment {
  const { release = 'v2.5.0', ...rest } = over;
  return {
    product: 'shop',
    environment: 'production',
    deployment: `deploy-${release}`,
    services: [{ service: 'web', release }],
    origin: 'reported',
    status: 'ended',
    outcome: 'healthy',
    outcomeReason: null,
    deployedAtMs: deployedAt,
    endedAtMs: null,
    goodMs: day,
    ...rest,
  };
}

export function aTrigger(over: Partial<Trigger> = {}): Trigger {
  return {
    type: 'error_rate',
    severity: 'critical',
    service: 'web',
    baseline: 0.5,
    current: 5.2,
    threshold: 1,
    reason: 'error rate 5.2/min, 10.4 × the 0.5/min of v2.4.0',
    sinceMs: deployedAt + 12 * minute,
    ...over,
  };
}

/** The specification's first scenario: detected 10:12, traffic stopped 10:13, resumed 10:16. */
export function anIncident(over: Partial<Incident> = {}): Incident {
  return {
    product: 'shop',
    environment: 'production',
    deployment: 'deploy-2026-01-26-001',
    id: 'inc-2026-01-26-shop-0123456789',
    status: 'open',
    origin: 'automatic',
    reason: 'error rate 5.2/min, 10.4 × the 0.5/min of v2.4.0',
    triggers: [aTrigger()],
    from: [{ service: 'web', release: 'v2.5.0' }],
    to: [{ service: 'web', release: 'v2.4.0' }],
    breachAtMs: deployedAt + 12 * minute,
    openedAtMs: deployedAt + 12 * minute,
    trafficStoppedAtMs: deployedAt + 13 * minute,
    trafficResumedAtMs: deployedAt + 16 * minute,
    endedAtMs: deployedAt + 20 * minute,
    outcome: 'rolled_back',
    outcomeReason: 'good',
    attempts: 1,
    issue: null,
    rootCause: null,
    review: null,
    ...over,
  };
}

export function aChange(over: Partial<Change> = {}): Change {
  return {
    id: 'a1b2c3d4e5f60718293a4b5c6d7e8f9001122334',
    author: 'Jonas Feld',
    at: '2026-01-22T10:41:00Z',
    subject: 'Give each product a page of its own',
    files: [{ path: 'src/products.js', added: 17, removed: 4 }],
    ...over,
  };
}

export function aChangeSet(over: Partial<ChangeSet> = {}): ChangeSet {
  return { from: 'v2.4.0', to: 'v2.5.0', changes: [aChange()], diff: '', problem: null, ...over };
}

/** The same numbers in every run (mulberry32), 0 ≤ x < 1. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A Poisson number: a product of uniform numbers, above 500 the normal approximation. */
export function poisson(random: () => number, mean: number): number {
  if (mean > 500) {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal));
  }
  const limit = Math.exp(-mean);
  let count = 0;
  for (let product = random(); product > limit; product *= random()) count += 1;
  return count;
}
