import type { Path } from './excursion.ts';

/** What is assumed of transients before a service's own history says more; see docs/detection.md. */
export interface TransientPrior {
  /** Transients a day. */
  readonly perDay: number;
  /** So many days of history weigh as much as this prior. */
  readonly weightDays: number;
  /** A transient goes on for another minute with this probability. */
  readonly goesOn: number;
  /** This share of them lasts long: evenly up to `longMinutes`. */
  readonly longShare: number;
  readonly longMinutes: number;
}

/** An effect size that a class looks for. */
export interface Effect {
  readonly ratio: number;
  readonly leastRatio: number;
  /** Of the requests, 0..1. */
  readonly leastShare: number;
  /** Share of the transients that are at least so strong. */
  readonly reachedBy: number;
  /** Which of the history's peaks tell of it. */
  readonly peaks: number;
  /** Which part of the trigger's budget is spent on it. */
  readonly budgetShare: number;
  /** Never fewer bad minutes than these. */
  readonly leastMinutes: number;
}

/** Excursions that begin soon after the deployment are believed sooner: a random transient seldom falls there. */
export interface StartClass {
  readonly latestStart: number;
  readonly until: number;
  /** Of `Path`: slow swings of the service tell little about the first minutes, and much about a day. */
  readonly slowness: number;
  readonly effects: readonly Effect[];
}

/** Excursions of a service's own history: how many bad minutes each reached, by effect. */
export interface ExcursionHistory {
  readonly days: number;
  readonly peaks: readonly (readonly number[])[];
}

export interface PathPlan {
  readonly classes: readonly StartClass[];
  readonly prior: TransientPrior;
  /** False alarms allowed per deployment day, for this trigger. */
  readonly budget: number;
  /** How many of these are watched at the same time: each has its own chance, the transients are those of all. */
  readonly atOnce?: number;
}

/** A day of watching; the budget is per deployment, and so per day. */
const dayMinutes = 1440;
const longestMinutes = 40;

/**
 * For each start class and effect the least number of bad minutes that keeps its part of the budget: transients begin as often
 * and last as long as the service's own history says, with the prior where the history is short.
 */
export function planPaths(
  { classes, prior, budget, atOnce = 1 }: PathPlan,
  history: ExcursionHistory,
): Path[] {
  return classes.flatMap((start) =>
    start.effects.map((effect): Path => {
      const spent = budget * effect.budgetShare;
      const starts = Math.min(start.latestStart + 1, dayMinutes);
      const rate = spent / (starts / dayMinutes);
      const least = minutesFor(rate, effect, prior, history.peaks[effect.peaks] ?? [], history.days);
      return {
        effect: effect.ratio,
        latestStart: start.latestStart,
        until: start.until,
        badMinutes: Math.max(effect.leastMinutes, least),
        evidence: evidenceFor(spent / atOnce, starts),
        leastRatio: effect.leastRatio,
        leastShare: effect.leastShare,
        slowness: start.slowness,
        chance: spent,
      };
    }),
  );
}

/** The evidence at which a CUSUM alarms by chance alone at most so often: its rate is about exp(-h) a minute (Lorden 1971). */
function evidenceFor(budget: number, starts: number): number {
  return Math.min(20, Math.max(6, Math.log(starts / budget) - 1.5));
}

/** The least number of bad minutes that at most `rate` excursions a day reach. */
function minutesFor(
  rate: number,
  effect: Effect,
  prior: TransientPrior,
  peaks: readonly number[],
  days: number,
): number {
  for (let minutes = 1; minutes < longestMinutes; minutes += 0.5) {
    if (excursionsReaching(minutes, effect, prior, peaks, days) <= rate) return minutes;
  }
  return longestMinutes;
}

/** Excursions a day that reach so many bad minutes: Gamma-Poisson, the prior's days against the history's. */
function excursionsReaching(
  minutes: number,
  effect: Effect,
  prior: TransientPrior,
  peaks: readonly number[],
  days: number,
): number {
  const assumed = prior.perDay * effect.reachedBy * survival(minutes, prior);
  const seen = peaks.reduce((sum, peak) => sum + reaches(peak, minutes), 0);
  return (assumed * prior.weightDays + seen) / (prior.weightDays + days);
}

/** What lasted `peak` minutes once may last a little longer next time. */
function reaches(peak: number, minutes: number): number {
  return minutes <= peak ? 1 : Math.exp(-(minutes - peak) / (0.5 + 0.12 * peak));
}

function survival(minutes: number, { goesOn, longShare, longMinutes }: TransientPrior): number {
  const short = goesOn ** Math.max(0, minutes - 1);
  const long = Math.max(0, 1 - minutes / longMinutes);
  return (1 - longShare) * short + longShare * long;
}
