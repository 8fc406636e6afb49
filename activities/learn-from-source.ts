import type { MetricsSource } from '../adapters/metrics/metrics-source.ts';
import { historyReader } from '../adapters/metrics/read-history.ts';
import type { Store } from '../adapters/store/store.ts';
import { enoughDays, learn } from '../domain/detection/learn.ts';
import type { DeploymentKey } from '../domain/identity.ts';
import type { Policy } from '../domain/policy.ts';
import type { WatchState } from '../domain/watch.ts';
import type { ProductSetup } from './dependencies.ts';
import { pastFromStore } from './learn-habits.ts';
import { within } from './within.ts';

/** A check waits no longer for what a metrics server remembers; a service of which nothing is known learns from its own watch. */
const patienceMs = 5_000;

type ServiceWatch = WatchState['services'][number];

interface Watched {
  readonly key: DeploymentKey;
  readonly deployedAtMs: number;
}

/** At its first check a service of which the store knows less than a day learns from what its metrics source remembers. */
export async function learnFromSources(
  store: Store,
  watched: Watched,
  setup: Pick<ProductSetup, 'policy' | 'services' | 'neighbours'>,
  state: WatchState,
): Promise<WatchState> {
  if (state.lastTickMs !== null) return state;
  const services = state.services.map(async (service) => {
    const source = setup.services.find((entry) => entry.service === service.service)?.metrics;
    const known = service.calibration?.habits.days ?? 0;
    if (source === undefined || known >= enoughDays) return service;
    const learned = await within(patienceMs, 'the history of the metrics', () =>
      learnFrom(source, store, { ...watched, service, neighbours: setup.neighbours ?? [] }, setup.policy),
    ).catch(() => null);
    return learned === null || learned.habits.days <= known ? service : { ...service, calibration: learned };
  });
  return { ...state, services: await Promise.all(services) };
}

async function learnFrom(
  source: MetricsSource,
  store: Store,
  {
    key: { product, environment },
    deployedAtMs,
    service: { service, calibration },
    neighbours,
  }: Watched & {
    readonly service: ServiceWatch;
    readonly neighbours: NonNullable<ProductSetup['neighbours']>;
  },
  policy: Policy,
) {
  const read = historyReader(source, {
    product,
    environment,
    service,
    stepMs: policy.monitoring.checkIntervalMs,
    signal: AbortSignal.timeout(patienceMs),
  });
  if (read === null) return null;
  const label = calibration?.habits.label ?? 'before at this hour';
  const learning = { product, environment, service, label, untilMs: deployedAtMs, neighbours };
  return learn(await pastFromStore(store, learning, policy, read), policy);
}
