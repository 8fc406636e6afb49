import type { Policy } from '../policy.ts';
import { type Calibration, calibrate, effectSizes } from './calibration.ts';
import { learnHabits, type Minute } from './habits/habits.ts';
import type { JudgeState } from './judge.ts';
import type { Verdict } from './verdict.ts';

const minuteMs = 60_000;
/** Less than this many checks says less of a service than one reference does. */
export const leastChecks = 60;
/** With a day of history, but for some gaps, there is a yesterday for every hour. */
export const enoughDays = 0.9;
/** A release's first minutes are no habit; nor are the newest ones, which may be the beginning of something. */
const startMs = 20 * minuteMs;
const newestMs = 15 * minuteMs;
const betweenMs = 60 * minuteMs;

/** What is known of a service's life before a deployment, oldest first. */
export interface Past {
  readonly minutes: readonly Minute[];
  /** When its earlier deployments were made, milliseconds since the epoch. */
  readonly starts: readonly number[];
  /** How sentences call it. */
  readonly label: string;
  /** When the watch begins that it is learned for, milliseconds since the epoch; absent: with the newest minute. */
  readonly fromMs?: number;
}

/** `null`: too little. */
export function learn({ minutes, starts, label, fromMs }: Past, policy: Policy): Calibration | null {
  if (minutes.length < leastChecks || minutes.every(({ requests }) => requests === 0)) return null;
  return calibrate(learnHabits(minutes, effectSizes(policy), label, starts, fromMs), policy);
}

/** A service under watch that may go on learning. */
export interface Learner {
  readonly calibration: Calibration | null;
  /** When it learned last, milliseconds since the epoch; `null`: before the deployment. */
  readonly learnedAtMs?: number | null;
  readonly judge: JudgeState;
  readonly verdicts: readonly Verdict[];
}

/** Without a day of history a service learns from its own watch, once an hour, as long as nothing looks wrong. */
export function isTimeToLearn(learner: Learner, deployedAtMs: number, nowMs: number): boolean {
  const { calibration, learnedAtMs, verdicts } = learner;
  if ((calibration?.habits.days ?? 0) >= enoughDays) return false;
  if (nowMs - deployedAtMs < leastChecks * minuteMs + startMs + newestMs) return false;
  if (learnedAtMs != null && nowMs - learnedAtMs < betweenMs) return false;
  const isCalm = verdicts.every(
    ({ state }) => state === 'healthy' || state === 'off' || state === 'inconclusive',
  );
  return isCalm && !looksWorse(learner.judge);
}

/** More errors than usual, in the last minutes or hours, may be the release: they must not become the usual ones. */
function looksWorse({ signals: { recent, lately = { errors: 0, usual: 0 } } }: JudgeState): boolean {
  let errors = 0;
  let usual = 0;
  let slower = 0;
  for (const check of recent) {
    errors += check.errors;
    usual += check.usualErrors;
    slower += check.slower ?? 0;
  }
  const forHours = lately.errors > 1.5 * lately.usual + 2.5 * Math.sqrt(lately.usual) + 2;
  return errors > 1.5 * usual + 3 || slower > 0 || forHours;
}

/** With new habits today's traffic is measured anew: their scale is another. */
export function withNewHabits(judge: JudgeState): JudgeState {
  return { ...judge, signals: { ...judge.signals, trafficLevel: null } };
}

/**
 * What was known, and the watch's own minutes: hours that nobody had seen are seen now. Memory, connection errors and health
 * checks stay as they were before the deployment: a leak is slow enough to be learned.
 */
export function learnAgain(
  past: Past,
  own: readonly Minute[],
  known: Calibration | null,
  {
    policy,
    deployedAtMs,
    nowMs,
  }: { readonly policy: Policy; readonly deployedAtMs: number; readonly nowMs: number },
): Calibration | null {
  const settled = own.filter(({ atMs }) => atMs > deployedAtMs + startMs && atMs <= nowMs - newestMs);
  const label = known === null ? 'the hours before' : past.label;
  const minutes = [...past.minutes, ...settled];
  const learned = learn({ ...past, label, minutes, fromMs: nowMs }, policy);
  // A metrics source may have told more than the store knows.
  if (learned === null || learned.habits.days <= (known?.habits.days ?? 0)) return known;
  const { memory = null, dbErrors = null, failedHealthChecks = 0 } = known?.habits ?? {};
  return { ...learned, habits: { ...learned.habits, memory, dbErrors, failedHealthChecks } };
}
