import { type Label, readLabels, readTrace } from './labelled-traces.ts';
import { type NullScore, type RegressionScore, scoreNull, scoreRegression, type Verdict } from './score.ts';
import type { Detector } from './trace.ts';

export interface LabelledScore {
  readonly nulls: NullScore;
  /** Of the regressions that anybody could tell. */
  readonly regressions: RegressionScore;
  readonly perScenario: Record<string, string>;
}

/** The labelled traces by the rules of their own `score.py`; `null` where the folder is absent. By detector. */
export async function judgeLabelled(
  folder: URL,
  detectors: readonly Detector[],
): Promise<Record<string, LabelledScore> | null> {
  const labels = await readLabels(folder);
  if (labels === null) return null;
  const verdicts: Verdict[][] = detectors.map(() => []);
  for (const { id, onset_min } of labels) {
    const trace = await readTrace(folder, id);
    for (const [at, detector] of detectors.entries()) {
      verdicts[at]?.push({ rollback: detector.decide(trace), onset: onset_min });
    }
  }
  return Object.fromEntries(detectors.map(({ name }, at) => [name, scoreOf(labels, verdicts[at] ?? [])]));
}

function scoreOf(labels: readonly Label[], verdicts: readonly Verdict[]): LabelledScore {
  const of = (kept: (label: Label) => boolean) => verdicts.filter((_, index) => kept(labels[index] as Label));
  const scenarios = [...new Set(labels.map(({ scenario }) => scenario))];
  return {
    nulls: scoreNull(of(({ kind, ambiguous }) => kind === 'null' && ambiguous !== true)),
    regressions: scoreRegression(
      of(
        ({ kind, detectable, borderline }) =>
          kind === 'regression' && detectable === true && borderline !== true,
      ),
    ),
    perScenario: Object.fromEntries(
      scenarios.map((scenario) => {
        const made = of((label) => label.scenario === scenario);
        const rolledBack = made.filter(
          ({ rollback, onset }) => rollback !== null && rollback >= (onset ?? 0),
        );
        return [scenario, `${rolledBack.length}/${made.length}`];
      }),
    ),
  };
}
