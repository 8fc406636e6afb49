import { pastFromStore, type ReadHistory } from '../../activities/learn-habits.ts';
import type { Store } from '../../adapters/store/store.ts';
import { addToTotals, asReference, noTotals } from '../../domain/baseline.ts';
import type { Deployment } from '../../domain/deployment.ts';
import { learn } from '../../domain/detection/learn.ts';
import type { Reference } from '../../domain/detection/reference.ts';
import type { ProductKey } from '../../domain/identity.ts';
import type { Policy } from '../../domain/policy.ts';
import type { Sample } from '../../domain/sample.ts';
import { type ReplayContext, replay } from './replay.ts';
import { checksOf, peersAt, type ServiceReplay } from './store-cases.ts';

/** Of what a metrics source still knows. */
export interface SourceQuestion {
  readonly deployment: Deployment;
  /** The next deployment, or the end of what is asked about, milliseconds since the epoch. */
  readonly endMs: number;
  readonly neighbours: readonly ProductKey[];
  /** A service's past in steps of that length. */
  history(service: string, stepMs: number): ReadHistory;
}

/** What the judge says of each service of a deployment, by what its metrics source knew before it and measured after it. */
export async function sourceReplays(
  store: Store,
  { deployment, endMs, neighbours, history }: SourceQuestion,
  policy: Policy,
): Promise<ServiceReplay[]> {
  const { deployedAtMs, product, environment } = deployment;
  const { checkIntervalMs, watchMs } = policy.monitoring;
  const after = { sinceMs: deployedAtMs, untilMs: Math.min(deployedAtMs + watchMs, endMs) };
  const peers = await peersAt(store, neighbours, after, policy);
  const replays: ServiceReplay[] = [];
  // One after another: a metrics server has other work to do.
  for (const { service } of deployment.services) {
    const read = history(service, checkIntervalMs);
    const label = 'the days before at this hour';
    const learning = { product, environment, service, label, untilMs: deployedAtMs, neighbours };
    const past = await pastFromStore(store, learning, policy, read);
    const calibration = learn(past, policy);
    const references = calibration === null ? await minutesBefore(read, deployedAtMs, policy) : [];
    const context: ReplayContext = { policy, deployedAtMs, past, calibration, references };
    const samples = await read(after);
    replays.push({
      service,
      lastMs: samples.at(-1)?.atMs ?? deployedAtMs,
      steps: () => replay(checksOf(samples.map(asTick), peers), context),
    });
  }
  return replays;
}

function asTick(sample: Sample) {
  return { kind: 'sample', sample } as const;
}

/** Too little to learn from is still something to compare with. */
async function minutesBefore(read: ReadHistory, deployedAtMs: number, policy: Policy): Promise<Reference[]> {
  const range = { sinceMs: deployedAtMs - policy.monitoring.baselineWindowMs, untilMs: deployedAtMs };
  const totals = (await read(range)).reduce((sum, sample) => addToTotals(sum, sample), noTotals);
  return totals.requests === 0
    ? []
    : [asReference(totals, 'before_deployment', 'the minutes before the deployment')];
}
