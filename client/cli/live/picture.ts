import type { RollbackClient, ServiceSeries } from '../../rollback-client.ts';

export type Status = Awaited<ReturnType<RollbackClient['status']>>;

/** All that one frame of the live view is drawn from. */
export interface Picture {
  readonly nowMs: number;
  readonly products: readonly ProductPicture[];
  /** Why the picture is old, or `null`. */
  readonly trouble: string | null;
}

export interface ProductPicture {
  readonly status: Status;
  /** `null`: the API does not serve it. */
  readonly series: readonly ServiceSeries[] | null;
}

/** As long as a deployment is watched unless the configuration says something else. */
export const watchMs = 24 * 3_600_000;

export type Mood = 'good' | 'busy' | 'warning' | 'bad' | 'quiet';

export interface Phase {
  readonly word: string;
  readonly mood: Mood;
  /** More about it, for whoever was just woken. */
  readonly more: string | null;
}

const rollbackWords: Readonly<Record<string, string>> = {
  escalated: 'NEEDS PEOPLE',
  stopping_traffic: 'ROLLING BACK: stopping traffic',
  restoring: 'ROLLING BACK: restoring',
  restarting: 'ROLLING BACK: restarting',
  waiting_healthy: 'ROLLING BACK: waiting until healthy',
  checking: 'ROLLING BACK: checking before traffic',
  resuming: 'ROLLING BACK: resuming traffic',
  verifying: 'VERIFYING UNDER TRAFFIC',
};

/** What is going on with a product, the most urgent first. */
export function phaseOf({ current, rollback, pause, timeline }: Status): Phase {
  if (rollback !== null) {
    const { phase, id } = rollback;
    const breach = standingIn(timeline.filter(({ deployment }) => deployment === rollback.deployment)).get(
      'breach',
    );
    const more = phase === null ? `${id}: no worker answers` : breach === undefined ? id : `${id}: ${breach}`;
    return { word: rollbackWords[phase ?? ''] ?? 'ROLLING BACK', mood: 'bad', more };
  }
  if (current === null) return { word: 'no deployment known', mood: 'quiet', more: null };
  if (current.outcome !== null) return outcomeOf(current.outcome, current.outcomeReason);
  const own = timeline.filter(({ deployment }) => deployment === current.deployment);
  const standing = standingOf(own);
  if (standing !== null) return standing;
  if (pause !== null) return { word: 'PAUSED', mood: 'warning', more: null };
  if (current.status === 'waiting')
    return { word: 'waiting for the rollback to end', mood: 'busy', more: null };
  const hasBaseline = own.some(({ kind }) => kind === 'baseline');
  return hasBaseline
    ? { word: 'watching', mood: 'good', more: null }
    : { word: 'taking the baseline', mood: 'busy', more: null };
}

function outcomeOf(outcome: string, reason: string | null): Phase {
  const moods: Readonly<Record<string, Mood>> = {
    healthy: 'good',
    rolled_back: 'warning',
    needs_attention: 'bad',
    unobserved: 'warning',
    changed_outside: 'warning',
  };
  const word = outcome === 'needs_attention' ? 'NEEDS ATTENTION' : outcome.replaceAll('_', ' ');
  return { word, mood: moods[outcome] ?? 'quiet', more: reason };
}

const standingWords: Readonly<Record<string, readonly [word: string, mood: Mood]>> = {
  breach: ['BREACH', 'bad'],
  external: ['SICK, BUT NOT BY THE RELEASE', 'bad'],
  blind: ['BLIND', 'warning'],
  suspect: ['suspect', 'warning'],
};

/** The worst condition that holds. */
function standingOf(timeline: Status['timeline']): Phase | null {
  const standing = standingIn(timeline);
  const worst = Object.keys(standingWords).find((kind) => standing.has(kind));
  if (worst === undefined) return null;
  const [word, mood] = standingWords[worst] as readonly [string, Mood];
  return { word, mood, more: standing.get(worst) ?? null };
}

/** Kinds of conditions that began and have not ended, as the timeline tells it, with their reasons. */
function standingIn(timeline: Status['timeline']): ReadonlyMap<string, string> {
  const standing = new Map<string, string>();
  for (const { text } of timeline) {
    const [, began, reason] = /^Monitoring detects (\w+): ([\s\S]*)/.exec(text) ?? [];
    if (began !== undefined) standing.set(began, reason ?? '');
    const [, ended] = /^(\w+)(?::\S*)? has ended$/.exec(text) ?? [];
    if (ended !== undefined) standing.delete(ended);
  }
  return standing;
}
