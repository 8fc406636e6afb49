import { createHash } from 'node:crypto';
import { createGathering } from '../gathering.ts';
import {
  createPrometheusApi,
  type PrometheusAccess,
  type PrometheusApi,
  type RangeAnswer,
  type RangeQuery,
  type Series,
} from './api.ts';
import { type Template, templateOf } from './template.ts';

export interface SharedPrometheus extends PrometheusApi {
  /** Milliseconds since the epoch, for all who ask within the same moment the same: only then can one question serve them. */
  nowMs(): number;
}

/** By server and how it is reached, credentials included. */
const known = new Map<string, SharedPrometheus>();

/** The API of a server, which asks as one what several products ask within `windowMs`. */
export function sharedPrometheus(access: PrometheusAccess, windowMs: number): SharedPrometheus {
  const reached = createHash('sha256')
    .update(JSON.stringify([access, windowMs]))
    .digest('hex');
  const shared = known.get(reached) ?? together(createPrometheusApi(access), windowMs);
  known.set(reached, shared);
  return shared;
}

export function together(api: PrometheusApi, windowMs: number): SharedPrometheus {
  let momentMs = Number.NEGATIVE_INFINITY;
  const nowMs = () => {
    const now = Date.now();
    // A clock that was set back begins a moment, too.
    if (now < momentMs || now - momentMs >= windowMs) momentMs = now;
    return momentMs;
  };
  if (windowMs === 0) return { nowMs: Date.now, range: (query) => api.range(query) };
  const range = createGathering<RangeQuery, RangeAnswer>({
    windowMs,
    keyOf: ({ endMs, stepMs, maxBytes }) => `${endMs} ${stepMs} ${maxBytes}`,
    answer: (queries, signal) => askTogether(api, queries, signal),
    cancelled: { kind: 'error', found: 'the check was cancelled' },
  });
  return { nowMs, range };
}

interface Asked {
  readonly query: RangeQuery;
  readonly template: Template | null;
}

async function askTogether(
  api: PrometheusApi,
  queries: readonly RangeQuery[],
  signal: AbortSignal,
): Promise<RangeAnswer[]> {
  const groups = new Map<string, Asked[]>();
  for (const query of queries) {
    const template = query.service === undefined ? null : templateOf(query.query, query.service);
    // Steps are counted back from the end, which is the same: from where they begin makes no difference to them.
    const isOnGrid = Number.isInteger((query.endMs - query.startMs) / query.stepMs);
    const key = isOnGrid ? (template?.key ?? query.query) : `${query.startMs} ${query.query}`;
    groups.set(key, [...(groups.get(key) ?? []), { query, template }]);
  }
  const answers = new Map<RangeQuery, RangeAnswer>();
  await Promise.all(
    [...groups.values()].flatMap(pieces).map(async (group) => {
      for (const [query, answer] of await askGroup(api, group, signal)) answers.set(query, answer);
    }),
  );
  return queries.map((query) => answers.get(query) ?? { kind: 'error', found: 'nobody asked' });
}

/** A pattern of more names is slow to match, and its answer large. */
const mostServices = 100;

function pieces(group: readonly Asked[]): Asked[][] {
  const services = [...new Set(group.map(({ query }) => query.service))];
  const count = Math.ceil(services.length / mostServices);
  const pieceOf = new Map(services.map((service, i) => [service, Math.floor(i / mostServices)]));
  return Array.from({ length: count }, (_, i) =>
    group.filter(({ query }) => pieceOf.get(query.service) === i),
  );
}

async function askGroup(
  api: PrometheusApi,
  group: readonly Asked[],
  signal: AbortSignal,
): Promise<(readonly [RangeQuery, RangeAnswer])[]> {
  const [first] = group as [Asked, ...Asked[]];
  const services = [...new Set(group.flatMap(({ query }) => query.service ?? []))];
  const isOne = new Set(group.map(({ query }) => query.query)).size === 1;
  const { template } = first;
  const answer = await api.range({
    ...first.query,
    query: isOne || template === null ? first.query.query : template.about(services),
    startMs: Math.min(...group.map(({ query }) => query.startMs)),
    timeoutMs: Math.max(...group.map(({ query }) => query.timeoutMs)),
    signal,
  });
  if (!isOne && answer.kind !== 'answered' && answer.isTooMuch === true)
    return Promise.all(
      group.map(async ({ query }) => [query, await api.range({ ...query, signal })] as const),
    );
  return group.map(({ query }) => [query, shareOf(answer, query, isOne ? null : template)]);
}

function shareOf(
  answer: RangeAnswer,
  { service, startMs }: RangeQuery,
  template: Template | null,
): RangeAnswer {
  if (answer.kind !== 'answered') return answer;
  const series = answer.series.flatMap(({ labels, points }): Series[] => {
    const { [template?.label ?? '']: of, ...others } = labels;
    if (template !== null && of !== service) return [];
    const own = points.filter(({ atMs }) => atMs >= Math.floor(startMs));
    return own.length === 0 ? [] : [{ labels: template === null ? labels : others, points: own }];
  });
  return { ...answer, series };
}
