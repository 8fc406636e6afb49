import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { type Days, judgeDays } from '../../client/backtest/judge-trace.ts';
import { firstDecision } from '../../client/backtest/replay.ts';
import { defaultPolicy } from '../../domain/policy.ts';
import type { Sample } from '../../domain/sample.ts';
import { writeResult } from '../result.ts';
import { type DrawnDays, drawDays, type Row, type Trouble } from './better-rows.ts';
import { withText } from './publish.ts';
import { Random } from './random.ts';
import { scoreNull, scoreRegression, type Verdict } from './score.ts';
import { align, markdownTable, sayNull, sayRegression } from './table.ts';

/**
 * What better input is worth: the same deployments, seen by a source that tells a percentile and sums, by one with buckets,
 * by one that tells endpoints and instances apart, and with less and more history.
 */
const { values } = parseArgs({
  options: {
    days: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    /** Writes bench/results/better-input.json, and the table of docs/detection.md. */
    docs: { type: 'boolean', default: false },
  },
});

interface View {
  readonly name: string;
  /** What the source tells of the row, beside sums. */
  readonly see?: (sample: Sample, row: Row) => Sample;
  /** Hours of history before the deployment; a day by default. */
  readonly historyHours?: number;
}

const sums: View = { name: 'sums and a percentile, a day of history' };
const buckets: View = {
  name: 'buckets of latency instead of the percentile',
  see: (sample, { histogram }) => ({ ...sample, latency: histogram, latencyQuantileMs: null }),
};
const parts: View = {
  name: 'endpoints and instances, too',
  see: (sample, row) => ({ ...sample, parts: row.parts }),
};
const histories: readonly View[] = [
  { name: 'six hours of history', historyHours: 6 },
  { name: 'an hour of history', historyHours: 1 },
  { name: 'no history at all', historyHours: 0 },
];

interface Case {
  readonly trouble: Trouble;
  /** Minutes after the deployment. */
  readonly onset: number;
  readonly views: readonly View[];
}

const later = 300;
const cases: readonly Case[] = [
  { trouble: null, onset: 0, views: [sums, buckets, parts, ...histories] },
  { trouble: 'latency ×2', onset: 0, views: [sums, buckets] },
  { trouble: '3 % of the requests time out after 5 s', onset: 0, views: [sums, buckets] },
  { trouble: 'an endpoint with 1 % of the traffic fails', onset: 0, views: [sums, parts] },
  { trouble: 'one of ten instances fails for 5 %', onset: 0, views: [sums, parts] },
  { trouble: 'errors ×5', onset: 0, views: [sums, ...histories] },
  { trouble: 'errors ×5', onset: later, views: [sums, ...histories] },
];
const levels = [50, 200, 1000];

const tables: string[] = [];
const results: unknown[] = [];
for (const one of cases) {
  const verdicts = judge(one);
  const { trouble, onset } = one;
  const say = (made: readonly Verdict[]) =>
    trouble === null ? sayNull(scoreNull(made)) : sayRegression(scoreRegression(made));
  const title =
    trouble === null
      ? 'healthy: false rollbacks per 1,000'
      : `${trouble}${onset === 0 ? '' : `, ${onset / 60} h after the deployment`}`;
  const rows = [
    [title, ...levels.map((level) => `${level.toLocaleString('en-US')} req/min`)],
    ...one.views.map(({ name }, which) => [name, ...(verdicts[which] ?? []).map(say)]),
  ];
  console.log(['', ...align(rows)].join('\n'));
  tables.push(markdownTable(rows));
  for (const [which, { name }] of one.views.entries())
    for (const [at, level] of levels.entries()) {
      const made = verdicts[which]?.[at] ?? [];
      const score = trouble === null ? scoreNull(made) : scoreRegression(made);
      results.push({ trouble: trouble ?? 'none', onset, input: name, requestsPerMinute: level, ...score });
    }
}
if (values.docs) await publish();

/** Of each view and level of traffic the verdicts on the same deployments. */
function judge({ trouble, onset, views }: Case): Verdict[][][] {
  const verdicts = views.map(() => levels.map((): Verdict[] => []));
  for (const [at, level] of levels.entries()) {
    for (let i = 0; i < Number(values.days); i += 1) {
      const random = new Random(`${values.seed}/better input/${level}/${i}`);
      const days = drawDays(random, level, { trouble, onset });
      for (const [which, view] of views.entries())
        verdicts[which]?.[at]?.push({ rollback: decide(days, view), onset: trouble === null ? null : onset });
    }
  }
  return verdicts;
}

function decide(
  { days, rowOf }: DrawnDays,
  { see = (sample) => sample, historyHours = 24 }: View,
): number | null {
  const seen = (checks: Days['before']) =>
    checks.map((check) => ({ ...check, sample: see(check.sample, rowOf(check.sample)) }));
  const before = days.before.slice(days.before.length - 60 * historyHours);
  const steps = judgeDays({ before: seen(before), after: seen(days.after) }, defaultPolicy);
  const decision = firstDecision(steps, { policy: defaultPolicy, deployedAtMs: 0 });
  return decision === null ? null : decision.minute - 1;
}

async function publish(): Promise<void> {
  const page = new URL('../../docs/detection.md', import.meta.url);
  const intro = `The same ${Number(values.days).toLocaleString('en-US')} deployments a column, seen by better and worse sources; recall and delay, median/90th percentile; !n: n rollbacks before the onset (\`npm run bench:better-input\`):`;
  const text = withText(await readFile(page, 'utf8'), [intro, ...tables].join('\n\n'), {
    begin: '<!-- better input: written by npm run bench:better-input -- --docs -->',
    end: '<!-- end of better input -->',
  });
  await writeFile(page, text);
  await writeResult('better-input', { days: Number(values.days), seed: values.seed, results });
}
