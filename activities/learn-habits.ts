import { ofProduct } from '../adapters/store/deployments.ts';
import type { Store } from '../adapters/store/store.ts';
import type { Calibration } from '../domain/detection/calibration.ts';
import type { PeerMinute } from '../domain/detection/habits/habits.ts';
import { learn, learnAgain, type Past } from '../domain/detection/learn.ts';
import { minuteOf, peersOf } from '../domain/detection/minute.ts';
import type { ProductKey } from '../domain/identity.ts';
import type { Policy } from '../domain/policy.ts';
import type { Sample } from '../domain/sample.ts';

const dayMs = 24 * 3_600_000;
/** How far back a service's life is looked at as a whole. */
const historyMs = 3 * dayMs;
/** And of so many weeks before the day that is about to be watched: weekends are not weekdays. */
const weeks = 3;
export interface Learning extends ProductKey {
  readonly service: string;
  /** How sentences call it. */
  readonly label: string;
  readonly untilMs: number;
  readonly neighbours: readonly ProductKey[];
}

/** A service's samples of a time, oldest first. */
export type ReadHistory = (range: TimeRange) => Promise<readonly Sample[]>;

/** What the store knows of a service's normal life before `untilMs`, as a calibration; `null`: too little. */
export async function learnFromStore(
  store: Store,
  learning: Learning,
  policy: Policy,
): Promise<Calibration | null> {
  return learn(await pastFromStore(store, learning, policy), policy);
}

/** @param read where its samples are kept elsewhere: a metrics source that can be asked about the past */
export async function pastFromStore(
  store: Store,
  learning: Learning,
  policy: Policy,
  read: ReadHistory = (range) => store.watches.history(learning, range),
): Promise<Past> {
  const ranges = rangesBefore(learning.untilMs);
  const samples: Sample[] = [];
  for (const range of ranges) samples.push(...(await read(range)));
  const peers = await peerHistory(store, learning.neighbours, ranges, policy);
  const minutes = samples
    .filter((sample) => sample.durationMs > 0)
    .map((sample) => minuteOf(sample, policy, peers(sample.atMs, sample.durationMs)));
  const starts = await startsIn(store, learning, ranges);
  return { minutes, starts, label: learning.label, fromMs: learning.untilMs };
}

/** With what the watch itself has measured by now; see {@link isTimeToLearn}. */
export async function learnAgainFromStore(
  store: Store,
  learning: Omit<Learning, 'untilMs'>,
  known: Calibration | null,
  watch: { readonly policy: Policy; readonly deployedAtMs: number; readonly nowMs: number },
): Promise<Calibration | null> {
  const { minutes, ...past } = await pastFromStore(
    store,
    { ...learning, untilMs: watch.nowMs },
    watch.policy,
  );
  const own = minutes.filter(({ atMs }) => atMs > watch.deployedAtMs);
  const before = minutes.filter(({ atMs }) => atMs <= watch.deployedAtMs);
  // Nobody knows yet how the start of this deployment ends.
  const starts = past.starts.filter((startMs) => startMs < watch.deployedAtMs);
  return learnAgain({ ...past, starts, minutes: before }, own, known, watch);
}

export interface TimeRange {
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** Oldest first. */
function rangesBefore(untilMs: number): TimeRange[] {
  const weekAgo = Array.from({ length: weeks }, (_, i): TimeRange => {
    const sinceMs = untilMs - 7 * (weeks - i) * dayMs;
    return { sinceMs, untilMs: sinceMs + dayMs };
  });
  return [...weekAgo, { sinceMs: untilMs - historyMs, untilMs }];
}

/** When its deployments that went well were made; a restored release starts as any other does. */
async function startsIn(store: Store, learning: Learning, ranges: readonly TimeRange[]): Promise<number[]> {
  const deployments = await store.deployments.list(ofProduct(learning, 50));
  return deployments
    .filter(({ deployedAtMs: at }) => ranges.some(({ sinceMs, untilMs }) => at > sinceMs && at < untilMs))
    .filter(({ outcome }) => outcome !== 'rolled_back' && outcome !== 'needs_attention')
    .map(({ deployedAtMs }) => deployedAtMs);
}

/** What untouched neighbours measured in their newest check; `null`: there are none, or they were not looked at lately. */
export async function newestPeers(
  store: Store,
  neighbours: readonly ProductKey[],
  range: TimeRange,
  policy: Policy,
): Promise<PeerMinute | null> {
  if (neighbours.length === 0) return null;
  const found = await Promise.all(
    neighbours.map(async (neighbour) => {
      const { currentDeployment } = await store.products.read(neighbour);
      if (currentDeployment === null) return [];
      const ticks = await store.watches.samples({ ...neighbour, deployment: currentDeployment }, range);
      const newest = new Map<string, Sample>();
      for (const { service, kind, sample } of ticks)
        if (kind === 'sample' && sample.regular && sample.durationMs > 0) newest.set(service, sample);
      return [...newest.values()];
    }),
  );
  return peersOf(found.flat(), policy);
}

async function peerHistory(
  store: Store,
  neighbours: readonly ProductKey[],
  ranges: readonly TimeRange[],
  policy: Policy,
): Promise<(atMs: number, durationMs: number) => PeerMinute | null> {
  const found = await Promise.all(
    neighbours.map(async (neighbour) => {
      const { currentDeployment } = await store.products.read(neighbour);
      const deployment =
        currentDeployment === null
          ? null
          : await store.deployments.read({ ...neighbour, deployment: currentDeployment });
      const services = deployment?.services ?? [];
      return Promise.all(
        services.flatMap(({ service }) =>
          ranges.map((range) => store.watches.history({ ...neighbour, service }, range)),
        ),
      );
    }),
  );
  const samples = found
    .flat(2)
    .filter((sample) => sample.durationMs > 0)
    .sort((a, b) => a.atMs - b.atMs);
  let from = 0;
  // Asked in the order of time.
  return (atMs, durationMs) => {
    while (from < samples.length && (samples[from] as Sample).atMs <= atMs - durationMs) from += 1;
    let end = from;
    while (end < samples.length && (samples[end] as Sample).atMs <= atMs) end += 1;
    return peersOf(samples.slice(from, end), policy);
  };
}
