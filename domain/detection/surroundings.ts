import type { Habits, Minute, PeerHabits } from './habits/habits.ts';
import { seasonAt } from './season.ts';
import { shortNumber } from './verdict.ts';

/** One check beside what the reference would have had; the last of them are kept. */
export interface Recent {
  readonly atMs: number;
  readonly minutes: number;
  readonly requests: number;
  readonly errors: number;
  readonly usualRequests: number;
  /** With warm-up and level, without peers. */
  readonly usualErrors: number;
  /** Latency beside its threshold, logarithm; `null` where it is not known. */
  readonly slower: number | null;
  readonly peer: PeerCheck | null;
}

export interface PeerCheck {
  readonly errors: number;
  readonly usual: number;
  /** Latency beside its own habits, logarithm, with its variance. */
  readonly slower: { readonly by: number; readonly variance: number } | null;
}

/** Why what is seen may come from outside; `null`: nothing suggests it. */
export interface Surroundings {
  readonly errors: string | null;
  readonly latency: string | null;
}

const checksLookedAt = 5;

/** What else could explain it: neighbours that are sick too, or traffic that came on top. */
export function lookAround(recent: readonly Recent[], habits: Habits): Surroundings {
  const peers = sickPeers(recent.slice(-8), habits.peers) ?? sickPeers(recent.slice(-3), habits.peers);
  const surge =
    [2, checksLookedAt, 12]
      .map((checks) => surgeIn(recent.slice(-checks)))
      .find((found) => found?.explainsErrors || (found?.growth ?? 0) >= 0.5) ?? null;
  return {
    errors: peers ?? (surge?.explainsErrors ? surge.reason : null),
    latency: peers ?? (surge !== null && surge.growth >= 0.5 ? surge.reason : null),
  };
}

function sickPeers(recent: readonly Recent[], habits: PeerHabits | null): string | null {
  if (habits === null) return null;
  let errors = 0;
  let usual = 0;
  let slower = 0;
  let variance = 0;
  let checks = 0;
  for (const { peer } of recent) {
    if (peer === null) continue;
    errors += peer.errors;
    usual += peer.usual;
    if (peer.slower === null) continue;
    slower += peer.slower.by;
    variance += peer.slower.variance;
    checks += 1;
  }
  const noise = Math.sqrt(habits.errors.dispersion * (usual + 1));
  if (errors >= 2 * usual && errors - usual >= 4 * noise) return 'the neighbours fail, too';
  const clearly = slower >= 0.26 * checks && slower >= 4 * Math.sqrt(variance);
  return checks > 0 && clearly ? 'the neighbours are slower, too' : null;
}

/**
 * Requests beyond the usual traffic. Errors that are not more than these came on top: the others are served as before (one
 * misbehaving client, a storm of retries, a crowd).
 */
function surgeIn(
  recent: readonly Recent[],
): { growth: number; explainsErrors: boolean; reason: string } | null {
  let requests = 0;
  let usual = 0;
  let errors = 0;
  let usualErrors = 0;
  for (const check of recent) {
    requests += check.requests;
    usual += check.usualRequests;
    errors += check.errors;
    usualErrors += check.usualErrors;
  }
  const more = requests - usual;
  if (usual <= 0 || more <= 2 * Math.sqrt(usual)) return null;
  const growth = more / usual;
  const excess = errors - usualErrors;
  const crowd = growth >= 0.5 && excess <= 1.25 * more;
  const onTop = excess >= leastOnTop * usual && more >= 0.65 * excess;
  const reason =
    growth < 1
      ? `traffic is ${Math.round(100 * growth)} % above what is usual`
      : `traffic is ${shortNumber(1 + growth)} × what is usual`;
  return { growth, explainsErrors: crowd || onTop, reason };
}

/** Errors fewer than this share of the traffic cannot be told from its own swings. */
const leastOnTop = 0.12;

/** A neighbour's check beside its own habits. */
export function beside(minute: Minute, habits: PeerHabits | null): PeerCheck | null {
  if (minute.peers === null || habits === null) return null;
  const { requests, errors, latencyMs } = minute.peers;
  const atMs = minute.atMs - minute.durationMs / 2;
  const usual = requests * seasonAt(habits.errors.share, atMs) * habits.errors.level;
  const { latency } = habits;
  if (latency === null || latencyMs === null) return { errors, usual, slower: null };
  const variance = latency.sampling / Math.max(1, requests) + latency.drift;
  const by = Math.log(latencyMs) - seasonAt(latency.level, atMs) - latency.shift;
  return { errors, usual, slower: { by, variance } };
}
