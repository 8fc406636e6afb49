import { learnFromStore } from '../../../activities/learn-habits.ts';
import type { Store } from '../../../adapters/store/store.ts';
import { addToTotals, noTotals } from '../../../domain/baseline.ts';
import { type Calibration, calibrate as calibrationOf } from '../../../domain/detection/calibration.ts';
import { habitsOfReference } from '../../../domain/detection/habits/habits.ts';
import { leastChecks } from '../../../domain/detection/learn.ts';
import { latencyOf } from '../../../domain/detection/minute.ts';
import type { ProductKey } from '../../../domain/identity.ts';
import { productName } from '../../../domain/identity.ts';
import type { Policy } from '../../../domain/policy.ts';
import type { Sample } from '../../../domain/sample.ts';
import { knowledgeOf, knowledgeText, type ServiceKnowledge } from '../../backtest/service-knowledge.ts';
import { type CommonOptions, print, scopeOf } from '../context.ts';
import { CommandFailure, exitCode } from '../exit-codes.ts';
import { openSystem } from '../system.ts';

const historyMs = 3 * 24 * 3_600_000;

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
    for (const { service } of services)
      known.push(await knowledgeFrom(system.store, { key, service, neighbours }, policy));
    print(options, known, known.map(knowledgeText).join('\n\n'));
  } finally {
    await system.close();
  }
}

async function knowledgeFrom(
  store: Store,
  { key, service, neighbours }: { key: ProductKey; service: string; neighbours: readonly ProductKey[] },
  policy: Policy,
): Promise<ServiceKnowledge> {
  const nowMs = Date.now();
  const learning = { ...key, service, label: 'the days before at this hour', untilMs: nowMs, neighbours };
  const range = { sinceMs: nowMs - historyMs, untilMs: nowMs };
  const samples = (await store.watches.history({ ...key, service }, range)).filter(
    ({ durationMs }) => durationMs > 0,
  );
  return knowledgeOf({
    service,
    checks: { found: samples.length, needed: leastChecks },
    calibration: (await learnFromStore(store, learning, policy)) ?? calibrationOfFew(samples, policy, nowMs),
    policy,
    nowMs,
  });
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
