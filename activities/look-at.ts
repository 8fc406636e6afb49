import type { Cursor, MeasureRequest } from '../adapters/metrics/metrics-source.ts';
import type { ServiceRelease } from '../domain/deployment.ts';
import type { ProductKey } from '../domain/identity.ts';
import { type LiveService, underWatch, unexpectedRelease } from '../domain/live.ts';
import type { Probe } from '../domain/sample.ts';
import type { ServiceObservation } from '../domain/watch.ts';
import type { ServiceSetup } from './dependencies.ts';
import { messageOf, within } from './within.ts';

export interface Look {
  readonly observation: ServiceObservation;
  /** What the target said; `null` when it did not answer. */
  readonly live: LiveService | null;
}

/** Whoever hangs longer must leave the attempt the time to say so: that is blindness, too. */
const patienceMs = 10_000;

/** One look at a service: what is live, how it feels, what it counted. Whatever does not answer makes the look blind. */
export async function lookAt(
  reach: ServiceSetup,
  from: {
    readonly key: ProductKey;
    /** The release under watch. */
    readonly release: string;
    readonly cursor: unknown;
    readonly signal: AbortSignal;
  },
): Promise<Look> {
  const { service } = reach;
  const signal = AbortSignal.any([from.signal, AbortSignal.timeout(2 * patienceMs)]);
  try {
    const live = await within(patienceMs, service, () => reach.target.live(service, signal));
    const { product, environment } = from.key;
    const cursor = (from.cursor ?? null) as Cursor | null;
    const watched = underWatch(live, from.release);
    const request = { product, environment, service, instances: watched.instances, cursor, signal };
    const onlyStarts = live.instances.length > 0 && watched.instances.length === 0;
    const [probes, measured] = await Promise.all([
      onlyStarts ? [] : probesOf(reach, watched, signal),
      measure(reach, request),
    ]);
    return { observation: { service, probes, measured }, live };
  } catch (error) {
    from.signal.throwIfAborted();
    const reason = `the deploy target does not answer: ${messageOf(error)}`;
    return { observation: { service, probes: [], measured: { kind: 'blind', reason } }, live: null };
  }
}

/** The sentence that says what else is live than expected, or `null`. */
export function strangersIn(looks: readonly Look[], expected: readonly ServiceRelease[]): string | null {
  const sentences = looks.flatMap(({ live, observation: { service } }) => {
    const wanted = expected.filter((entry) => entry.service === service).map(({ release }) => release);
    const found = live === null ? null : unexpectedRelease(live, wanted);
    return found === null ? [] : [`${service}: ${found}`];
  });
  return sentences.length === 0 ? null : sentences.join('; ');
}

/** Nothing runs at all: a target that lists living processes only would otherwise never show a crash. */
const nothingRuns: Probe = { instance: 'none', healthy: false, detail: 'no instance is running' };

export async function probesOf(
  { probe }: ServiceSetup,
  { instances, idle }: LiveService,
  signal: AbortSignal,
): Promise<readonly Probe[]> {
  if (instances.length === 0) return idle === true ? [] : [nothingRuns];
  return within(patienceMs, 'the health probe', () => probe.probe(instances, signal));
}

async function measure(
  { metrics }: ServiceSetup,
  request: MeasureRequest,
): Promise<ServiceObservation['measured']> {
  try {
    const found = await within(patienceMs, 'the metrics source', () => metrics.measure(request));
    if (found.kind !== 'measured') return { kind: 'blind', reason: `${found.kind}: ${found.reason}` };
    const { counts, cursor, missing } = found;
    return { kind: 'counts', counts, cursor, missing };
  } catch (error) {
    return { kind: 'blind', reason: `timeout: ${messageOf(error)}` };
  }
}
