import type { Store } from '../../adapters/store/store.ts';
import { asReference, noTotals } from '../../domain/baseline.ts';
import type { ServiceRelease } from '../../domain/deployment.ts';
import type { Incident } from '../../domain/incident.ts';
import { defaultPolicy } from '../../domain/policy.ts';
import type { IncidentReport } from '../../domain/post-mortem.ts';
import type { Counts, Sample } from '../../domain/sample.ts';
import { advanceWatch, newWatch, type WatchState } from '../../domain/watch.ts';

export interface Filling {
  readonly products: number;
  readonly deployments: number;
  readonly incidents: number;
  /** Products whose newest deployment is under watch, with every check of the hours since. */
  readonly watched: number;
  readonly watchedHours: number;
}

export const environment = 'production';
export const productName = (index: number) => `product-${index}`;

const minuteMs = 60_000;

/** A store as a busy company's is after a year: written through the store's own doors, judged by the judge itself. */
export async function fillStore(store: Store, filling: Filling, nowMs: number): Promise<void> {
  const perProduct = Math.ceil(filling.deployments / filling.products);
  const spanMs = 365 * 86_400_000;
  let incidents = 0;
  for (let p = 0; p < filling.products; p += 1) {
    const product = productName(p);
    for (let d = 0; d < perProduct; d += 1) {
      const isLast = d === perProduct - 1;
      const hours = filling.watchedHours * 3_600_000;
      const deployedAtMs = isLast
        ? nowMs - hours
        : nowMs - spanMs + Math.floor((d / perProduct) * (spanMs - 2 * 86_400_000));
      const deployment = `deploy-${d}`;
      const services = [{ service: 'web', release: `v1.${d}.0` }];
      await store.deployments.register({
        product,
        environment,
        deployment,
        services,
        origin: 'reported',
        deployedAtMs,
      });
      await store.timeline.append(story(product, deployment, deployedAtMs, services));
      const isRolledBack = !isLast && d > 0 && incidents < filling.incidents && d % 9 === 0;
      if (isRolledBack) {
        incidents += 1;
        await rolledBack(store, product, deployment, deployedAtMs, services, d);
      } else if (!isLast)
        await store.deployments.end(
          { product, environment, deployment },
          'healthy',
          'observed 1440 of 1440 checks',
          deployedAtMs + 86_400_000,
        );
    }
  }
  const { states, samples } = aWatchedDay(
    nowMs - filling.watchedHours * 3_600_000,
    filling.watchedHours * 60,
  );
  for (let p = 0; p < filling.watched; p += 1) {
    const key = { product: productName(p), environment, deployment: `deploy-${perProduct - 1}` };
    const ticks = samples.map((sample) => ({ service: 'web', kind: 'sample' as const, sample }));
    await store.watches.record(key, states, ticks);
  }
}

function story(product: string, deployment: string, atMs: number, services: readonly ServiceRelease[]) {
  const entry = { product, environment, deployment, incident: null };
  return [
    {
      ...entry,
      key: `${product}/${deployment}/1`,
      atMs,
      kind: 'deployed' as const,
      text: `Deploy ${services[0]?.release} to production`,
    },
    {
      ...entry,
      key: `${product}/${deployment}/2`,
      atMs: atMs + 5 * minuteMs,
      kind: 'baseline' as const,
      text: 'Baseline established\nError rate: 0.5/min\nP95 latency: 280ms\nMemory: 45%\nRequest rate: 150/s',
    },
  ];
}

async function rolledBack(
  store: Store,
  product: string,
  deployment: string,
  deployedAtMs: number,
  services: readonly ServiceRelease[],
  index: number,
): Promise<void> {
  const id = `inc-${product}-${deployment}`;
  const breachAtMs = deployedAtMs + 12 * minuteMs;
  const reason = 'error rate 5.2/min, 10.4 × the 0.5/min of the release before (900 requests/min)';
  const incident: Incident = {
    product,
    environment,
    deployment,
    id,
    status: 'open',
    origin: index % 2 === 0 ? 'manual' : 'automatic',
    reason,
    triggers: [
      {
        type: index % 3 === 0 ? 'memory' : 'error_rate',
        severity: 'critical',
        service: 'web',
        baseline: 0.5,
        current: 5.2,
        threshold: 1,
        reason,
        sinceMs: breachAtMs,
      },
    ],
    from: services,
    to: [{ service: 'web', release: `v1.${index - 1}.0` }],
    breachAtMs,
    openedAtMs: breachAtMs + 5_000,
    trafficStoppedAtMs: breachAtMs + 20_000,
    trafficResumedAtMs: breachAtMs + 200_000,
    endedAtMs: breachAtMs + 320_000,
    outcome: 'rolled_back',
    outcomeReason: 'verified under traffic',
    attempts: 1,
    issue: '#456',
    rootCause: 'n_plus_one_query',
    review: null,
  };
  await store.incidents.save(incident);
  await store.incidents.saveReport(id, reportOf(incident));
  await store.deployments.end(
    { product, environment, deployment },
    'rolled_back',
    'verified under traffic',
    breachAtMs + 320_000,
  );
}

function reportOf(incident: Incident): IncidentReport {
  const at = new Date(incident.breachAtMs).toISOString();
  const row = {
    service: 'web',
    at,
    error_rate: 5.2,
    request_rate: 15,
    p95_latency_ms: 280,
    memory_usage_percent: 45,
    cpu_usage_percent: 20,
    failed_probes: 0,
  };
  return {
    incident: incident.id,
    product: incident.product,
    environment,
    deployment_id: incident.deployment,
    timestamp: at,
    reason: incident.reason,
    from: 'v2',
    to: 'v1',
    outcome: 'rolled_back',
    triggers: incident.triggers,
    duration_minutes: 5.3,
    impact: { affected_users: 120, error_count: 260, downtime_minutes: 3 },
    changes_deployed: [],
    logs_excerpt: Array.from(
      { length: 100 },
      (_, i) => `${at} ERROR request ${i} failed: connection pool exhausted at src/products.js:${i}`,
    ),
    logs_total: 4_200,
    logs_reference: '/var/log/web.log',
    metrics_snapshot: Array.from({ length: 30 }, () => row),
    root_cause_hypothesis: {
      cause: 'n_plus_one_query',
      summary: 'New code runs one query per item in src/products.js:4',
      confidence: 'high',
      evidence: ['42 queries in one request'],
    },
    timeline: [],
  };
}

/** The checks of a healthy watch, as the judge takes them in one by one: the state has its real size. */
export function aWatchedDay(deployedAtMs: number, checks: number): { states: WatchState; samples: Sample[] } {
  const reference = asReference(
    { ...noTotals, requests: 90_000, errors: 12, durationMs: 3_600_000, latency: histogram(90_000, 0) },
    'last_known_good',
    'v1.9.0',
  );
  let state = newWatch([{ service: 'web', release: 'v2.0.0', references: [reference] }]);
  const samples: Sample[] = [];
  for (let tick = 1; tick <= checks; tick += 1) {
    const atMs = deployedAtMs + tick * minuteMs;
    const step = advanceWatch(
      state,
      {
        tickMs: atMs - 200,
        regular: true,
        gap: false,
        atMs,
        unexpected: null,
        services: [
          {
            service: 'web',
            probes: [{ instance: 'web/0', healthy: true, detail: '200 in 4 ms' }],
            measured: { kind: 'counts', counts: countsAt(tick), cursor: null, missing: [] },
          },
        ],
      },
      { policy: defaultPolicy, deployedAtMs, mayAct: true, reported: {} },
    );
    state = step.state;
    samples.push(...step.samples);
  }
  return { states: state, samples };
}

function countsAt(tick: number): Counts {
  const wave = 1 + 0.3 * Math.sin(tick / 90);
  const requests = Math.round(1_500 * wave);
  return {
    requests,
    errors: tick % 7 === 0 ? 1 : 0,
    latency: histogram(requests, tick),
    dbConnectionErrors: 0,
    memoryPercent: 45 + 4 * Math.sin(tick / 40),
    cpuPercent: 20 * wave,
    affectedUsers: null,
    parts: ['/', '/cart', '/checkout', '/search'].map((name, i) => ({
      by: 'endpoint',
      name,
      requests: Math.round(requests / (i + 2)),
      errors: 0,
    })),
  };
}

const boundsMs = [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];
const shares = [0.05, 0.1, 0.2, 0.25, 0.2, 0.12, 0.05, 0.02, 0.008, 0.0015, 0.0004, 0.0001];

function histogram(requests: number, tick: number) {
  const shift = 1 + 0.1 * Math.sin(tick / 13);
  return { boundsMs, counts: shares.map((share, i) => Math.round(requests * share * (i > 4 ? shift : 1))) };
}
