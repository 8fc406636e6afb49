import type { Habits } from './habits/habits.ts';
import { type PeerCheck, sickPeers } from './sick-peers.ts';
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

/** Why what is seen may come from outside; `null`: nothing suggests it. */
export interface Surroundings {
  readonly errors: string | null;
  readonly latency: string | null;
}

const checksLookedAt = 5;
/** After something outside has passed, queues and caches still recover, minutes. */
export const lingersMinutes = 5;

/**
 * What else could explain it: neighbours that are sick too, or traffic that came on top.
 * @param held the errors were explained just now: the usual traffic of an hour ago tells less and less, so less is asked for
 */
export function lookAround(recent: readonly Recent[], habits: Habits, held = false): Surroundings {
  const peers = sickPeers(recent, habits.peers);
  const surge =
    [2, checksLookedAt, 12]
      .map((checks) => surgeIn(recent.slice(-checks), held ? stillOnTop : onTopShare))
      .find((found) => found?.explainsErrors || (found?.growth ?? 0) >= 0.5) ?? null;
  return {
    errors: peers ?? (surge?.explainsErrors ? surge.reason : null),
    latency: peers ?? (surge !== null && surge.growth >= 0.5 ? surge.reason : null),
  };
}

/**
 * Requests beyond the usual traffic. Errors that are not more than these came on top: the others are served as before (one
 * misbehaving client, a storm of retries, a crowd).
 */
function surgeIn(
  recent: readonly Recent[],
  share: number,
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
  const onTop = excess >= leastOnTop * usual && more >= share * excess;
  const reason =
    growth < 1
      ? `traffic is ${Math.round(100 * growth)} % above what is usual`
      : `traffic is ${shortNumber(1 + growth)} × what is usual`;
  return { growth, explainsErrors: crowd || onTop, reason };
}

/** The errors' share that requests on top must make up, and go on making up. */
const onTopShare = 0.65;
const stillOnTop = 0.4;
/** Errors fewer than this share of the traffic cannot be told from its own swings. */
const leastOnTop = 0.12;
