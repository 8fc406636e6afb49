import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Days, judgeDays } from '../../client/backtest/judge-trace.ts';
import { firstDecision } from '../../client/backtest/replay.ts';
import { defaultPolicy } from '../../domain/policy.ts';
import type { Sample } from '../../domain/sample.ts';
import { type DrawnDays, drawDays, type Row, type Trouble } from './better-rows.ts';
import { Random } from './random.ts';
import { scoreNull, scoreRegression, type Verdict } from './score.ts';
import { align, sayNull, sayRegression } from './table.ts';

/**
 * What better input is worth: the same deployments, seen by a source that tells a percentile and sums, by one with buckets,
 * by one that tells endpoints and instances apart, and with less and more history.
 */
const { values } = parseArgs({
  options: {
    days: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    out: {
      type: 'string',
      default: fileURLToPath(new URL('../results/better-input.json', import.meta.url)),
    },
  },
});

interface View {
  readonly name: string;
  /** What the source tells of the row, beside sums. */
  readonly see: (sample: Sample, row: Row) => Sample;
  /** Days of history before the deployment, up to one. */
  readonly historyDays?: number;
}

const views = {
  sums: { name: 'sums and a percentile', see: (sample: Sample) => sample },
  buckets: {
    name: 'buckets of latency',
    see: (sample: Sample, { histogram }: Row) => ({ ...sample, latency: histogram, latencyQuantileMs: null }),
  },
  parts: {
    name: 'endpoints and instances',
    see: (sample: Sample, { parts }: Row) => ({ ...sample, parts }),
  },
  noHistory: { name: 'without a history', see: (sample: Sample) => sample, historyDays: 1 / 24 },
  sixHours: { name: 'six hours of history', see: (sample: Sample) => sample, historyDays: 0.25 },
} as const satisfies Record<string, View>;

const cases: readonly { readonly trouble: Trouble; readonly views: readonly View[] }[] = [
  { trouble: null, views: [views.sums, views.buckets, views.parts, views.sixHours, views.noHistory] },
  { trouble: 'latency ×2', views: [views.sums, views.buckets] },
  { trouble: '3 % of the requests take 10 ×', views: [views.sums, views.buckets] },
  { trouble: 'an endpoint with 2 % of the traffic fails', views: [views.sums, views.parts] },
  { trouble: 'one of ten instances fails for 10 %', views: [views.sums, views.parts] },
  { trouble: 'errors ×5', views: [views.sums, views.sixHours, views.noHistory] },
];
const levels = [50, 200, 1000];

const results: unknown[] = [];
for (const { trouble, views: seen } of cases) {
  const verdicts = seen.map(() => levels.map((): Verdict[] => []));
  for (const [at, level] of levels.entries()) {
    for (let i = 0; i < Number(values.days); i += 1) {
      const days = drawDays(new Random(`${values.seed}/better input/${level}/${i}`), level, trouble);
      for (const [which, view] of seen.entries())
        verdicts[which]?.[at]?.push({ rollback: decide(days, view), onset: trouble === null ? null : 0 });
    }
  }
  const say = (made: Verdict[]) =>
    trouble === null ? sayNull(scoreNull(made)) : sayRegression(scoreRegression(made));
  const title =
    trouble === null
      ? 'nothing: false rollbacks per 1,000, 95 % interval'
      : `${trouble}: recall, delay median/p90`;
  const lines = seen.map(({ name }, which) => [name, ...(verdicts[which] ?? []).map(say)]);
  console.log(['', ...align([[title, ...levels.map(String)], ...lines])].join('\n'));
  for (const [which, { name }] of seen.entries())
    for (const [at, level] of levels.entries()) {
      const made = verdicts[which]?.[at] ?? [];
      results.push({
        trouble: trouble ?? 'none',
        input: name,
        requestsPerMinute: level,
        ...(trouble === null ? scoreNull(made) : scoreRegression(made)),
      });
    }
}
await writeFile(
  values.out,
  `${JSON.stringify({ days: Number(values.days), seed: values.seed, results }, null, 1)}\n`,
);

function decide({ days, rowOf }: DrawnDays, { see, historyDays = 1 }: View): number | null {
  const seen = (checks: Days['before']) =>
    checks.map((check) => ({ ...check, sample: see(check.sample, rowOf(check.sample)) }));
  const before = days.before.slice(Math.round((1 - historyDays) * days.before.length));
  const steps = judgeDays({ before: seen(before), after: seen(days.after) }, defaultPolicy);
  return firstDecision(steps, { policy: defaultPolicy, deployedAtMs: 0 })?.minute ?? null;
}
