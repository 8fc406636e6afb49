import { pastFromStore, type ReadHistory } from '../../../activities/learn-habits.ts';
import type { MetricsSource } from '../../../adapters/metrics/metrics-source.ts';
import { historyReader } from '../../../adapters/metrics/read-history.ts';
import type { Store } from '../../../adapters/store/store.ts';
import { addToTotals, noTotals } from '../../../domain/baseline.ts';
import { type Calibration, calibrate as calibrationOf } from '../../../domain/detection/calibration.ts';
import { habitsOfReference } from '../../../domain/detection/habits/habits.ts';
import { enoughDays, learn, leastChecks, type Past } from '../../../domain/detection/learn.ts';
import { latencyOf } from '../../../domain/detection/minute.ts';
import type { ProductKey } from '../../../domain/identity.ts';
import { productName } from '../../../domain/identity.ts';
import type { Policy } from '../../../domain/policy.ts';
import type { Sample } from '../../../domain/sample.ts';
import { knowledgeOf, knowledgeText, type ServiceKnowledge } from '../../backtest/service-knowledge.ts';
import { type CommonOptions, print, scopeOf } from '../context.ts';
import { CommandFailure, exitCode } from '../exit-codes.ts';
import { openSystem } from '../system.ts';

const dayMs = 24 * 3_600_000;
const historyMs = 3 * dayMs;
const sourcePatienceMs = 15_000;

/** `orchestrator calibrate PRODUCT`: what the judge knows of each service, and how soon it would see what. */
export async function calibrate([product]: string[], options: CommonOptions): Promise<void> {
  const system = await openSystem(options, 'own');
  try {
    const scope = scopeOf(product as string, options);
    const keys = await system.catalog.products();
    const key = keys.find(
      (entry) => entry.product === scope.product && entry.environment === scope.environment,
    );
    if (key === undefined)
      throw new CommandFailure(
        exitCode.notFound,
        `unknown product ${product}; known: ${keys.map(productName).join(', ') || 'none'}`,
      );
    const { policy, services, neighbours = [] } = await system.catalog.setup(key);
    const known: ServiceKnowledge[] = [];
    for (const { service, metrics } of services)
      known.push(await knowledgeFrom(system.store, { key, service, metrics, neighbours }, policy));
    print(options, known, known.map(knowledgeText).join('\n\n'));
  } finally {
    await system.close();
  }
}

interface Asked {
  readonly key: ProductKey;
  readonly service: string;
  readonly metrics: MetricsSource;
  readonly neighbours: readonly ProductKey[];
}

async function knowledgeFrom(store: Store, asked: Asked, policy: Policy): Promise<ServiceKnowledge> {
  const nowMs = Date.now();
  const { key, service, neighbours } = asked;
  const learning = { ...key, service, label: 'the days before at this hour', untilMs: nowMs, neighbours };
  const range = { sinceMs: nowMs - historyMs, untilMs: nowMs };
  const samples = (await store.watches.history({ ...key, service }, range)).filter(
    ({ durationMs }) => durationMs > 0,
  );
  const stored = await pastFromStore(store, learning, policy);
  const past = await withSource(stored, asked, policy, (read) =>
    pastFromStore(store, learning, policy, read),
  );
  return knowledgeOf({
    service,
    checks: { found: Math.max(samples.length, past.minutes.length), needed: leastChecks },
    calibration: learn(past, policy) ?? calibrationOfFew(samples, policy, nowMs),
    policy,
    nowMs,
  });
}

/** As a watch does it: what the store knows, or what the metrics source remembers where the store knows less than a day. */
async function withSource(
  stored: Past,
  { key, service, metrics }: Asked,
  policy: Policy,
  pastBy: (read: ReadHistory) => Promise<Past>,
): Promise<Past> {
  const stepMs = policy.monitoring.checkIntervalMs;
  if (stored.minutes.length * stepMs >= enoughDays * dayMs) return stored;
  const signal = AbortSignal.timeout(sourcePatienceMs);
  const read = historyReader(metrics, { ...key, service, stepMs, signal });
  const remembered = read === null ? null : await pastBy(read).catch(() => null);
  return remembered !== null && remembered.minutes.length > stored.minutes.length ? remembered : stored;
}

/** What little there is, as a reference. */
function calibrationOfFew(samples: readonly Sample[], policy: Policy, nowMs: number): Calibration | null {
  const sums = samples.reduce((totals, sample) => addToTotals(totals, sample), noTotals);
  if (sums.requests === 0) return null;
  const { requests, errors, durationMs } = sums;
  const latencyMs = latencyOf(sums, policy);
  const label = 'what was measured so far';
  const habits = habitsOfReference({ label, requests, errors, durationMs, latencyMs }, nowMs);
  return calibrationOf(habits, policy);
}
