import type { Minute, PeerHabits } from './habits/habits.ts';
import { seasonAt } from './season.ts';

export interface PeerCheck {
  readonly errors: number;
  readonly usual: number;
  /** Latency beside its own habits, logarithm, with its variance. */
  readonly slower: { readonly by: number; readonly variance: number } | null;
}

/** A neighbour's check beside its own habits. */
export function beside(minute: Minute, habits: PeerHabits | null): PeerCheck | null {
  if (minute.peers === null || habits === null) return null;
  const { requests, errors, latencyMs } = minute.peers;
  const atMs = minute.atMs - minute.durationMs / 2;
  const usual = requests * seasonAt(habits.errors.share, atMs) * habits.errors.level;
  const { latency } = habits;
  if (latency === null || latencyMs === null || latencyMs <= 0) return { errors, usual, slower: null };
  const variance = latency.sampling / Math.max(1, requests) + latency.drift;
  const by = Math.log(latencyMs) - seasonAt(latency.level, atMs) - latency.shift;
  return { errors, usual, slower: { by, variance } };
}

/** Why the neighbours' last checks look sick; `null`: they do not. */
export function sickPeers(
  recent: readonly { readonly peer: PeerCheck | null }[],
  habits: PeerHabits | null,
): string | null {
  return sickIn(recent.slice(-8), habits) ?? sickIn(recent.slice(-3), habits);
}

function sickIn(
  recent: readonly { readonly peer: PeerCheck | null }[],
  habits: PeerHabits | null,
): string | null {
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
