import { pastFromStore } from '../../activities/learn-habits.ts';
import type { Store } from '../../adapters/store/store.ts';
import type { Tick } from '../../adapters/store/watches.ts';
import type { Deployment, Outcome } from '../../domain/deployment.ts';
import type { PeerMinute } from '../../domain/detection/habits/habits.ts';
import { learn } from '../../domain/detection/learn.ts';
import { peersOf } from '../../domain/detection/minute.ts';
import type { ProductKey } from '../../domain/identity.ts';
import type { Incident } from '../../domain/incident.ts';
import type { Policy } from '../../domain/policy.ts';
import type { Sample } from '../../domain/sample.ts';
import type { NamedPolicy } from './named-policy.ts';
import { type Check, type Decision, firstDecision, type ReplayContext, replay, type Step } from './replay.ts';

/** One deployment of this installation's past: what the policies would have done, and what really happened. */
export interface StoreCase {
  readonly deployment: Deployment;
  /** One for each policy, in their order. */
  readonly decisions: readonly (ServiceDecision | null)[];
  /** Minutes from the deployment to the newest measurement: until its rollback, or the next one. 0: none are kept. */
  readonly measuredMinutes: number;
  readonly outcome: Outcome | null;
  readonly incident: { readonly id: string; readonly reason: string; readonly atMinute: number } | null;
  /** `bad`: there is an incident that nobody called false. `unknown`: it is watched still, or ended otherwise. */
  readonly truth: 'bad' | 'false_alarm' | 'good' | 'unknown';
}

export interface ServiceDecision extends Decision {
  readonly service: string;
}

export interface StoreQuestion {
  readonly key: ProductKey;
  readonly sinceMs: number;
  readonly neighbours: readonly ProductKey[];
  readonly policies: readonly NamedPolicy[];
}

/** So many deployments and incidents of a product are looked at. */
const limit = 100_000;

/** The deployments of one product since then, oldest first; without those that a rollback made, which nothing rolls back. */
export async function backtestStore(store: Store, question: StoreQuestion): Promise<StoreCase[]> {
  const { product, environment } = question.key;
  const filter = { product, environment, sinceMs: question.sinceMs, limit };
  const deployments = (await store.deployments.list(filter)).filter(({ origin }) => origin !== 'rollback');
  const incidents = await store.incidents.list(filter);
  const cases: StoreCase[] = [];
  for (const deployment of deployments.toReversed()) {
    const incident = incidents.find((entry) => entry.deployment === deployment.deployment) ?? null;
    const replaysBy = (policy: Policy) => serviceReplays(store, question, deployment, policy);
    cases.push(await backtestDeployment({ deployment, incident, replaysBy }, question.policies));
  }
  return cases;
}

/** A deployment that is judged again. */
export interface Replayed {
  readonly deployment: Deployment;
  readonly incident: Incident | null;
  /** What a policy's judge says of each of its services. */
  replaysBy(policy: Policy): Promise<readonly ServiceReplay[]>;
}

export async function backtestDeployment(
  { deployment, incident, replaysBy }: Replayed,
  policies: readonly NamedPolicy[],
): Promise<StoreCase> {
  const { deployedAtMs, outcome } = deployment;
  const decisions: (ServiceDecision | null)[] = [];
  let measuredMs = 0;
  for (const named of policies) {
    const policy = named.of(deployment.product);
    const watched = await replaysBy(policy);
    measuredMs = watched.reduce((sum, { lastMs }) => Math.max(sum, lastMs - deployedAtMs), measuredMs);
    const found = watched.flatMap(({ service, steps }) => {
      const decision = firstDecision(steps(), { policy, deployedAtMs });
      return decision === null ? [] : [{ service, ...decision }];
    });
    decisions.push(found.toSorted((a, b) => a.minute - b.minute)[0] ?? null);
  }
  return {
    deployment,
    decisions,
    measuredMinutes: Math.round(measuredMs / 60_000),
    outcome,
    incident:
      incident === null
        ? null
        : {
            id: incident.id,
            reason: incident.reason,
            atMinute: Math.round((incident.openedAtMs - deployedAtMs) / 6_000) / 10,
          },
    truth: truthOf(outcome, incident),
  };
}

function truthOf(outcome: Outcome | null, incident: Incident | null): StoreCase['truth'] {
  if (incident !== null)
    return incident.review?.verdict.toLowerCase().includes('false') === true ? 'false_alarm' : 'bad';
  return outcome === 'healthy' ? 'good' : 'unknown';
}

export interface ServiceReplay {
  readonly service: string;
  /** The newest measurement, milliseconds since the epoch. */
  readonly lastMs: number;
  /** Begins anew at each call. */
  steps(): Iterable<Step>;
}

/** What the judge says of each service of a deployment, by what the store knew before it. */
export async function serviceReplays(
  store: Store,
  { neighbours }: Pick<StoreQuestion, 'neighbours'>,
  deployment: Deployment,
  policy: Policy,
): Promise<ServiceReplay[]> {
  const { deployedAtMs, product, environment } = deployment;
  const untilMs = deployedAtMs + policy.monitoring.watchMs;
  const ticks = await store.watches.samples(deployment, { sinceMs: deployedAtMs - 1, untilMs });
  const watch = await store.watches.read(deployment);
  const peers = await peersAt(store, neighbours, { sinceMs: deployedAtMs, untilMs }, policy);
  return Promise.all(
    deployment.services.map(async ({ service }): Promise<ServiceReplay> => {
      const known = watch?.services.find((entry) => entry.service === service);
      const label = known?.calibration?.habits.label ?? 'the days before at this hour';
      const learning = { product, environment, service, label, untilMs: deployedAtMs, neighbours };
      const past = await pastFromStore(store, learning, policy);
      const context: ReplayContext = {
        policy,
        deployedAtMs,
        past,
        calibration: learn(past, policy),
        references: known?.references ?? [],
      };
      const own = ticks.filter((tick) => tick.service === service);
      return {
        service,
        lastMs: own.at(-1)?.sample.atMs ?? deployedAtMs,
        steps: () => replay(checksOf(own, peers), context),
      };
    }),
  );
}

export function* checksOf(
  ticks: Iterable<Pick<Tick, 'kind' | 'sample'>>,
  peers: (atMs: number) => PeerMinute | null,
): Generator<Check> {
  for (const { kind, sample } of ticks) yield { kind, sample, peers: peers(sample.atMs) };
}

/** What the neighbours' newest checks of that time showed, summed; a watch asks the same of the present. */
export async function peersAt(
  store: Store,
  neighbours: readonly ProductKey[],
  range: { readonly sinceMs: number; readonly untilMs: number },
  policy: Policy,
): Promise<(atMs: number) => PeerMinute | null> {
  const services = await Promise.all(
    neighbours.map(async (neighbour) => {
      const newest = (await store.deployments.list({ ...scopeOf(neighbour), limit: 1 }))[0];
      return Promise.all(
        (newest?.services ?? []).map(async ({ service }) => {
          const samples = await store.watches.history({ ...scopeOf(neighbour), service }, range);
          return samples.filter(({ durationMs }) => durationMs > 0);
        }),
      );
    }),
  );
  const tracks = services.flat();
  const newestMs = 2 * policy.monitoring.checkIntervalMs;
  return (atMs) => {
    const found = tracks.flatMap((samples): Sample[] => {
      const newest = samples[firstAfter(samples, atMs) - 1];
      return newest === undefined || newest.atMs <= atMs - newestMs ? [] : [newest];
    });
    return peersOf(found, policy);
  };
}

/** The first sample that is younger, by bisection. */
function firstAfter(samples: readonly Sample[], atMs: number): number {
  let low = 0;
  let high = samples.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((samples[middle] as Sample).atMs <= atMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

function scopeOf({ product, environment }: ProductKey): ProductKey {
  return { product, environment };
}

/** The sums over deployments, for one policy. Rolled back are: of the bad, of the false alarms, of the good, of the others. */
export interface StoreSums {
  readonly rolledBack: number;
  readonly deployments: number;
  /** Of these no measurements are kept; they are in no other figure. */
  readonly unmeasured: number;
  readonly bad: { readonly found: number; readonly of: number };
  readonly falseAlarms: { readonly repeated: number; readonly of: number };
  readonly good: { readonly rolledBack: number; readonly of: number };
  /** Minutes from the deployment to the rollback, of the bad ones that were found. */
  readonly medianMinute: number | null;
}

export function sumsOf(cases: readonly StoreCase[], policyAt: number): StoreSums {
  const measured = cases.filter(({ measuredMinutes }) => measuredMinutes > 0);
  const decided = measured.map(({ truth, decisions }) => ({ truth, decision: decisions[policyAt] ?? null }));
  const count = (truth: StoreCase['truth']) => {
    const all = decided.filter((entry) => entry.truth === truth);
    return { yes: all.filter(({ decision }) => decision !== null).length, of: all.length };
  };
  const [bad, falseAlarms, good] = [count('bad'), count('false_alarm'), count('good')];
  const minutes = decided
    .flatMap(({ truth, decision }) => (truth === 'bad' && decision !== null ? [decision.minute] : []))
    .toSorted((a, b) => a - b);
  return {
    rolledBack: decided.filter(({ decision }) => decision !== null).length,
    deployments: measured.length,
    unmeasured: cases.length - measured.length,
    bad: { found: bad.yes, of: bad.of },
    falseAlarms: { repeated: falseAlarms.yes, of: falseAlarms.of },
    good: { rolledBack: good.yes, of: good.of },
    medianMinute: minutes[minutes.length >> 1] ?? null,
  };
}
