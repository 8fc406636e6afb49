/** What a detector did with one deployment. Minutes after the deployment. */
export interface Verdict {
  readonly rollback: number | null;
  readonly onset: number | null;
}

export interface NullScore {
  readonly days: number;
  readonly falseRollbacks: number;
  readonly per1000: number;
  /** 95 % interval of `per1000`, Wilson's. */
  readonly interval: { readonly low: number; readonly high: number };
}

export interface RegressionScore {
  readonly days: number;
  /** Rollbacks before the onset: false ones. */
  readonly early: number;
  readonly recall: number;
  /** Minutes from onset to rollback, of those found; `null` of none. */
  readonly medianDelay: number | null;
  readonly p90Delay: number | null;
  /** Share found within an hour of the onset. */
  readonly recallWithinHour: number;
}

export interface LeakScore {
  readonly days: number;
  readonly early: number;
  readonly recall: number;
  /** From the rollback to 95 % of the memory; `null` of none. */
  readonly medianHoursLeft: number | null;
  /** Nine in ten have more. */
  readonly p10HoursLeft: number | null;
}

export type CellScore = NullScore | RegressionScore | LeakScore;

export function scoreNull(verdicts: readonly Verdict[]): NullScore {
  return falseOf(verdicts.filter(({ rollback }) => rollback !== null).length, verdicts.length);
}

/** Several cells as one. */
export function poolNulls(scores: readonly NullScore[]): NullScore {
  const sum = (value: (score: NullScore) => number) => scores.reduce((all, score) => all + value(score), 0);
  return falseOf(
    sum(({ falseRollbacks }) => falseRollbacks),
    sum(({ days }) => days),
  );
}

function falseOf(falseRollbacks: number, days: number): NullScore {
  const [low, high] = wilson(falseRollbacks, days);
  const per1000 = (1000 * falseRollbacks) / days;
  return { days, falseRollbacks, per1000, interval: { low: 1000 * low, high: 1000 * high } };
}

export function scoreRegression(verdicts: readonly Verdict[]): RegressionScore {
  const delays = delaysOf(verdicts);
  const found = delays.filter((delay) => delay >= 0).toSorted((a, b) => a - b);
  return {
    days: verdicts.length,
    early: delays.length - found.length,
    recall: found.length / verdicts.length,
    medianDelay: quantile(found, 0.5),
    p90Delay: quantile(found, 0.9),
    recallWithinHour: found.filter((delay) => delay <= 60).length / verdicts.length,
  };
}

export function poolRegressions(
  scores: readonly RegressionScore[],
): Pick<RegressionScore, 'days' | 'recall'> {
  const days = scores.reduce((sum, score) => sum + score.days, 0);
  return { days, recall: scores.reduce((sum, score) => sum + score.recall * score.days, 0) / days };
}

export function recallInterval({ days, recall }: Pick<RegressionScore, 'days' | 'recall'>): {
  readonly low: number;
  readonly high: number;
} {
  const [low, high] = wilson(Math.round(recall * days), days);
  return { low, high };
}

/** `hours` from the onset until 95 % of the memory are taken. */
export function scoreLeak(verdicts: readonly Verdict[], hours: number): LeakScore {
  const { days, early, recall } = scoreRegression(verdicts);
  const left = delaysOf(verdicts)
    .filter((delay) => delay >= 0)
    .map((delay) => hours - delay / 60)
    .toSorted((a, b) => a - b);
  return { days, early, recall, medianHoursLeft: quantile(left, 0.5), p10HoursLeft: quantile(left, 0.1) };
}

/** 95 % interval of a share. */
export function wilson(hits: number, trials: number): readonly [number, number] {
  if (trials === 0) return [0, 1];
  const z2 = 1.959963984540054 ** 2;
  const share = hits / trials;
  const centre = (share + z2 / (2 * trials)) / (1 + z2 / trials);
  const half = Math.sqrt((z2 * (share * (1 - share) + z2 / (4 * trials))) / trials) / (1 + z2 / trials);
  return [hits === 0 ? 0 : centre - half, hits === trials ? 1 : centre + half];
}

function delaysOf(verdicts: readonly Verdict[]): number[] {
  return verdicts.flatMap(({ rollback, onset }) =>
    rollback === null || onset === null ? [] : [rollback - onset],
  );
}

function quantile(sorted: readonly number[], share: number): number | null {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? null;
}
