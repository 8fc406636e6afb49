import type { Status } from '../../../client/cli/live/picture.ts';
import type { ServiceSeries, SignalSeries } from '../../../client/rollback-client.ts';

/** 2026-01-26 10:00:00 UTC. */
export const tenMs = Date.UTC(2026, 0, 26, 10);
export const minuteMs = 60_000;

type Current = NonNullable<Status['current']>;

export function aCurrent(over: Partial<Current> = {}): Current {
  return {
    product: 'shop',
    environment: 'production',
    deployment: 'build-412',
    services: [{ service: 'web', release: 'v2.5.0' }],
    origin: 'reported',
    status: 'watching',
    outcome: null,
    outcomeReason: null,
    deployedAtMs: tenMs,
    endedAtMs: null,
    goodMs: 0,
    ...over,
  };
}

export function anEntry(minute: number, text: string, kind = 'detected'): Status['timeline'][number] {
  return { atMs: tenMs + minute * minuteMs, kind, text, deployment: 'build-412', incident: null };
}

export function aStatus(over: Partial<Status> = {}): Status {
  return {
    product: 'shop',
    environment: 'production',
    phase: 'watching',
    endsAtMs: tenMs + 24 * 60 * minuteMs,
    current: aCurrent(),
    rollback: null,
    pause: null,
    vetoWindow: null,
    veto: null,
    floors: {},
    lastCheck: { atMs: tenMs + 180 * minuteMs, sentence: '0.6 errors/min, 1.2 × v2.4.0 at this hour' },
    readiness: {
      deployment: 'build-412',
      atMs: tenMs + 170 * minuteMs,
      services: [
        { service: 'web', target: 'v2.4.0', checks: [{ name: 'target', ok: true, detail: 'is there' }] },
      ],
    },
    timeline: [
      anEntry(0, 'Deploy v2.5.0 to production', 'deployed'),
      anEntry(5, 'Baseline of 5 min: 0.5 errors/min, p95 180 ms', 'baseline'),
    ],
    ...over,
  };
}

export function aSignal(
  signal: SignalSeries['signal'],
  values: readonly (number | null)[],
  over: Partial<SignalSeries> = {},
): SignalSeries {
  return {
    signal,
    unit: '',
    baseline: null,
    threshold: null,
    points: values.map((value, i) => ({ atMs: tenMs + i * minuteMs, value })),
    ...over,
  };
}

/** Thirty checks of a service, of which the last few are as bad as `errors` and `latency` say. */
export function aService({ errors = 0.6, latency = 190 } = {}): ServiceSeries {
  const wave = (base: number, last: number) =>
    Array.from({ length: 30 }, (_, i) =>
      i === 12 ? null : i > 25 ? last * (0.7 + (i - 25) * 0.075) : base * (1 + 0.25 * Math.sin(i)),
    );
  return {
    service: 'web',
    signals: [
      aSignal('error_rate', wave(0.5, errors), { unit: '/min', baseline: 0.5, threshold: 2 }),
      aSignal('latency_p95', wave(180, latency), { unit: 'ms', baseline: 180, threshold: 270 }),
      aSignal('memory', wave(41, 43), { unit: '%', baseline: 41, threshold: 90 }),
      aSignal('request_rate', wave(8_900, 9_100), { unit: '/min', baseline: 8_900 }),
      aSignal('cpu', Array<null>(30).fill(null), { unit: '%' }),
    ],
  };
}
