import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What is known of a trace, in the `labels.json` beside it. */
export interface Label {
  readonly id: string;
  readonly scenario: string;
  readonly kind: 'null' | 'regression';
  readonly mean_rpm: number;
  readonly base_error_rate?: number;
  /** Minutes after the deployment. */
  readonly onset_min: number | null;
  /** `false`: the trace does not hold evidence enough for anybody. */
  readonly detectable?: boolean;
  readonly borderline?: boolean;
  readonly ambiguous?: boolean;
}

/** `null` where there are none. */
export async function readLabels(folder: string): Promise<Label[] | null> {
  try {
    return JSON.parse(await readFile(join(folder, 'labels.json'), 'utf8')) as Label[];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Counted as the folder's own `score.py` does. */
export interface LabelScore {
  readonly nulls: number;
  readonly falseRollbacks: number;
  readonly regressions: number;
  /** Rolled back before the regression began: false, too. */
  readonly early: number;
  /** 0..1; of the regressions that anybody could tell. */
  readonly recall: number;
  /** Minutes from onset to rollback. */
  readonly medianDelay: number | null;
  readonly p90Delay: number | null;
}

export function scoreLabels(
  labels: readonly Label[],
  minutes: Readonly<Record<string, number | null>>,
): LabelScore {
  const nulls = labels.filter(({ kind, ambiguous }) => kind === 'null' && ambiguous !== true);
  const regressions = labels.filter(
    ({ kind, detectable, borderline }) => kind === 'regression' && detectable === true && borderline !== true,
  );
  const minuteOf = ({ id }: Label) => minutes[id] ?? null;
  const delays = regressions
    .flatMap((label) => {
      const minute = minuteOf(label);
      return minute === null ? [] : [minute - (label.onset_min ?? 0)];
    })
    .toSorted((a, b) => a - b);
  const hits = delays.filter((delay) => delay >= 0);
  const middle = hits.length >> 1;
  const upper = hits[middle] ?? null;
  return {
    nulls: nulls.length,
    falseRollbacks: nulls.filter((label) => minuteOf(label) !== null).length,
    regressions: regressions.length,
    early: delays.length - hits.length,
    recall: hits.length / Math.max(1, regressions.length),
    medianDelay: upper === null || hits.length % 2 === 1 ? upper : ((hits[middle - 1] as number) + upper) / 2,
    p90Delay: hits[Math.floor(0.9 * hits.length)] ?? null,
  };
}
