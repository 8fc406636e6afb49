import { clockTime } from '../../../domain/timeline.ts';
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
export function phaseOf({ phase, current, rollback, pause, vetoWindow, lastCheck }: Status): Phase {
  if (rollback !== null) {
    const { phase: step, id, reason } = rollback;
    const more = step === null ? `${id}: no worker answers` : reason === null ? id : `${id}: ${reason}`;
    return { word: rollbackWords[step ?? ''] ?? 'ROLLING BACK', mood: 'bad', more };
  }
  if (current === null) return { word: 'no deployment known', mood: 'quiet', more: null };
  if (current.outcome !== null) return outcomeOf(current.outcome, current.outcomeReason);
  if (vetoWindow !== null) {
    const word = `ROLLS BACK at ${clockTime(vetoWindow.untilMs)} unless vetoed`;
    return { word, mood: 'bad', more: vetoWindow.reason };
  }
  const standing = standingWords[phase];
  if (standing !== undefined) return { ...standing, more: lastCheck?.sentence ?? null };
  if (pause !== null) return { word: 'PAUSED', mood: 'warning', more: null };
  if (phase === 'waiting') return { word: 'waiting for the rollback to end', mood: 'busy', more: null };
  return phase === 'watching'
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

const standingWords: Readonly<Partial<Record<Status['phase'], Omit<Phase, 'more'>>>> = {
  breach: { word: 'BREACH', mood: 'bad' },
  blind: { word: 'BLIND', mood: 'warning' },
  suspect: { word: 'suspect', mood: 'warning' },
};
