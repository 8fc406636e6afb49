import type { Store } from '../adapters/store/store.ts';
import type { ProductKey } from '../domain/identity.ts';
import type { LiveService } from '../domain/live.ts';
import type { Readiness, ReadinessCheck, ServiceReadiness } from '../domain/readiness.ts';
import type { RollbackPlan, ServicePlan } from '../domain/rollback.ts';
import type { ProductSetup, ServiceSetup } from './dependencies.ts';
import { probesOf } from './look-at.ts';
import { serviceSetup } from './service-setup.ts';
import { findWayBack, recordedRecipes, type WayBack } from './way-back.ts';
import { messageOf, within } from './within.ts';

/** Each thing that is asked must answer within this time: a rollback will not wait longer either. */
const patienceMs = 10_000;
/** Older ones than these would hardly be a way back that somebody counts on. */
const candidatesAskedFor = 3;

export interface ReadinessQuestion {
  readonly store: Store;
  readonly key: ProductKey;
  readonly setup: ProductSetup;
  readonly plan: Pick<RollbackPlan, 'services'>;
  readonly atMs: number;
  readonly signal: AbortSignal;
}

export interface ReadinessLook {
  readonly readiness: Readiness;
  /** By service; missing where the target does not answer. */
  readonly live: Readonly<Record<string, LiveService>>;
}

/** Asks everything that a rollback will need, and acts on nothing. Never throws: what does not answer is a check that fails. */
export async function lookAtReadiness(question: ReadinessQuestion): Promise<ReadinessLook> {
  const looks = await Promise.all(question.plan.services.map((plan) => lookAtService(question, plan)));
  return {
    readiness: { atMs: question.atMs, services: looks.map(({ readiness }) => readiness) },
    live: Object.fromEntries(
      looks.flatMap(({ readiness, live }) => (live === null ? [] : [[readiness.service, live]])),
    ),
  };
}

async function lookAtService(
  { store, key, setup, signal }: ReadinessQuestion,
  plan: ServicePlan,
): Promise<{ readonly readiness: ServiceReadiness; readonly live: LiveService | null }> {
  const { service } = plan;
  const reach = serviceSetup(setup, service);
  const { live, check } = await askTarget(reach, signal);
  const [wayBack, ...others] = await Promise.all([
    askWayBack(reach, plan, recordedRecipes(store, key, service), signal),
    checksOf('target', () => reach.target.checks?.(service, signal)),
    askTraffic(reach, signal),
    askHealth(reach, live, signal),
    askMetrics(reach, key, live, signal),
  ]);
  const checks = [wayBack.check, check, ...others.flat()];
  return { readiness: { service, target: wayBack.target, checks }, live };
}

async function askTarget(
  { service, target }: ServiceSetup,
  signal: AbortSignal,
): Promise<{ readonly live: LiveService | null; readonly check: ReadinessCheck }> {
  const name = 'deploy target';
  try {
    const live = await within(patienceMs, name, () => target.live(service, signal));
    const running = live.instances.filter((instance) => instance.running).length;
    const detail = `${live.configured ?? 'nothing'} is configured, ${running} of ${live.instances.length} instances run`;
    return { live, check: { name, ok: true, detail } };
  } catch (error) {
    return { live: null, check: { name, ok: false, detail: messageOf(error) } };
  }
}

async function askWayBack(
  reach: ServiceSetup,
  plan: ServicePlan,
  recipeOf: (release: string) => Promise<string | null>,
  signal: AbortSignal,
): Promise<{ readonly target: string | null; readonly check: ReadinessCheck }> {
  const name = 'last known good';
  const candidates = plan.candidates.slice(0, candidatesAskedFor);
  try {
    const question = { reach, plan, candidates, recipeOf, signal };
    const found = await within(2 * patienceMs, 'the target', () => findWayBack(question));
    if (found.kind === 'none')
      return { target: null, check: { name, ok: false, detail: without(plan, found) } };
    const detail = `${found.release} (${found.reason}): ${found.notes.join('; ')}`;
    return { target: found.release, check: { name, ok: true, detail } };
  } catch (error) {
    return { target: null, check: { name, ok: false, detail: messageOf(error) } };
  }
}

function without({ rejected }: ServicePlan, { passedOver }: Extract<WayBack, { kind: 'none' }>): string {
  const reasons = [
    ...passedOver,
    ...rejected.slice(0, 3).map(({ release, reason }) => `${release}: ${reason}`),
  ];
  return reasons.length === 0 ? 'no other release is known' : `there is none (${reasons.join('; ')})`;
}

async function askTraffic(
  { service, traffic }: ServiceSetup,
  signal: AbortSignal,
): Promise<readonly ReadinessCheck[]> {
  if (traffic === null) return [];
  const name = 'traffic control';
  return orFailing(name, async () => {
    const state = await within(patienceMs, name, () => traffic.state(service, signal));
    const detail = state.maintenance ? 'in maintenance' : 'serving';
    const own = await checksOf('traffic', () => traffic.checks?.(service, signal));
    return [{ name, ok: true, detail }, ...own];
  });
}

/** A check that fails on what is live would fail on what is restored, too. */
async function askHealth(
  reach: ServiceSetup,
  live: LiveService | null,
  signal: AbortSignal,
): Promise<readonly ReadinessCheck[]> {
  if (live === null) return [];
  const name = 'health check';
  return orFailing(name, async () => {
    const probes = await probesOf(reach, live, signal);
    const sick = probes.filter(({ healthy }) => !healthy);
    const detail =
      sick.length === 0
        ? `passes on ${probes.length} instances`
        : sick.map((probe) => `${probe.instance} ${probe.detail}`).join(', ');
    return [{ name, ok: sick.length === 0, detail }];
  });
}

/** Without metrics a bad release is found by its health alone. */
async function askMetrics(
  { service, metrics }: ServiceSetup,
  { product, environment }: ProductKey,
  live: LiveService | null,
  signal: AbortSignal,
): Promise<ReadinessCheck[]> {
  if (live === null) return [];
  const name = 'metrics';
  const request = { product, environment, service, instances: live.instances, cursor: null, signal };
  const found = await within(patienceMs, name, () => metrics.measure(request)).catch((error: unknown) => ({
    kind: 'error' as const,
    reason: messageOf(error),
  }));
  return [
    found.kind === 'measured'
      ? { name, ok: true, detail: 'readable' }
      : { name, ok: false, detail: `${found.kind}: ${found.reason}` },
  ];
}

async function checksOf(
  whose: string,
  ask: () => Promise<readonly ReadinessCheck[]> | undefined,
): Promise<readonly ReadinessCheck[]> {
  return orFailing(whose, async () => (await within(patienceMs, `the ${whose}`, async () => ask())) ?? []);
}

async function orFailing(
  name: string,
  ask: () => Promise<readonly ReadinessCheck[]>,
): Promise<readonly ReadinessCheck[]> {
  try {
    return await ask();
  } catch (error) {
    return [{ name, ok: false, detail: messageOf(error) }];
  }
}
