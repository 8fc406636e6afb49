import { createGathering } from '../gathering.ts';
import type { Blindness } from '../per-instance.ts';
import type { Call, Result } from './api.ts';
import { type CallAnswer, type CloudWatchAccess, type CloudWatchApi, createCloudWatchApi } from './api.ts';
import type { MetricQuery } from './queries.ts';

/** Monitors' checks lie on a grid, so that a moment's patience finds company. */
const windowMs = 200;
/** What one `GetMetricData` may ask for. */
const mostQueries = 500;
const mostPoints = 100_800;

/** By region and endpoint: all sources of a worker ask with its credentials, and so may share their calls. */
const known = new Map<string, CloudWatchApi>();

/** The API of a region, which asks together what several products ask in the same moment. */
export function sharedCloudWatch(access: CloudWatchAccess): CloudWatchApi {
  const key = `${access.region} ${access.endpoint ?? ''}`;
  const shared = known.get(key) ?? together(createCloudWatchApi(access));
  known.set(key, shared);
  return shared;
}

export function together(api: CloudWatchApi): CloudWatchApi {
  return createGathering<Call, CallAnswer>({
    windowMs,
    // Times before what was asked for are taken out again; its end must be the same.
    keyOf: ({ untilMs, stepMs }) => `${untilMs} ${stepMs}`,
    answer: (calls, signal) => askTogether(api, calls, signal),
    cancelled: { kind: 'error', reason: 'CloudWatch: the check was cancelled' },
  });
}

async function askTogether(
  api: CloudWatchApi,
  calls: readonly Call[],
  signal: AbortSignal,
): Promise<CallAnswer[]> {
  const [first] = calls as [Call, ...Call[]];
  const fromMs = Math.min(...calls.map((call) => call.fromMs));
  const timeoutMs = Math.max(...calls.map((call) => call.timeoutMs));
  const wanted = new Map(
    calls.flatMap(({ queries }) => queries.map((query) => [keyOf(query), query] as const)),
  );
  const points = Math.max(1, (first.untilMs - fromMs) / first.stepMs);
  const batches = batchesOf([...wanted.values()], Math.min(mostQueries, Math.floor(mostPoints / points)));
  const answers = new Map<string, Result | Blindness>();
  await Promise.all(
    batches.map(async (queries) => {
      const answer = await api({ ...first, queries, fromMs, timeoutMs, signal });
      for (const [i, query] of queries.entries()) {
        const found = answer.kind === 'answered' ? answer.results[i] : answer;
        if (found !== undefined) answers.set(keyOf(query), found);
      }
    }),
  );
  return calls.map((call) => shareOf(call, answers));
}

/** Of Metrics Insights (`SELECT …`) one call may hold one query. */
function batchesOf(queries: readonly MetricQuery[], most: number): MetricQuery[][] {
  const insights = queries.filter(isInsights);
  const others = queries.filter((query) => !isInsights(query));
  const count = Math.max(insights.length, Math.ceil(others.length / Math.max(1, most - 1)), 1);
  const batches = Array.from({ length: count }, (_, i): MetricQuery[] => insights.slice(i, i + 1));
  for (const [i, query] of others.entries()) batches[Math.floor(i / Math.max(1, most - 1))]?.push(query);
  return batches.filter((batch) => batch.length > 0);
}

function isInsights(query: MetricQuery): boolean {
  return 'expression' in query && /^\s*SELECT\b/i.test(query.expression);
}

/** Two products may ask for the same. */
function keyOf(query: MetricQuery): string {
  return JSON.stringify(query);
}

function shareOf(call: Call, answers: ReadonlyMap<string, Result | Blindness>): CallAnswer {
  const results: Result[] = [];
  for (const query of call.queries) {
    const found = answers.get(keyOf(query));
    if (found === undefined) return { kind: 'error', reason: 'CloudWatch: the answer lacks a query' };
    if ('kind' in found) return found;
    const isWanted = ([atMs]: readonly [number, number]) => atMs >= call.fromMs && atMs < call.untilMs;
    const series = found.series.map((steps) => new Map([...steps].filter(isWanted)));
    results.push({ series, trouble: found.trouble });
  }
  return { kind: 'answered', results };
}
