import type { CloudWatchClient, MetricDataQuery, MetricDataResult } from '@aws-sdk/client-cloudwatch';
import { awsWords } from '../../aws/aws-call.ts';
import { refuseLinkLocal } from '../../http/guarded-agent.ts';
import type { Blindness } from '../per-instance.ts';
import type { Steps } from '../steps.ts';
import type { MetricQuery } from './queries.ts';

export interface CloudWatchAccess {
  readonly region: string;
  /** Only where it is not AWS's own. */
  readonly endpoint?: string | undefined;
}

export interface Call {
  readonly queries: readonly MetricQuery[];
  readonly fromMs: number;
  readonly untilMs: number;
  readonly stepMs: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** What one query came to, and what is wrong with it. An expression may give several series. */
export type Result = { readonly series: readonly Steps[]; readonly trouble: string | null };

export type CallAnswer = { readonly kind: 'answered'; readonly results: readonly Result[] } | Blindness;

/** One `GetMetricData`, all its pages. Never throws: not being able to ask is an answer. */
export type CloudWatchApi = (call: Call) => Promise<CallAnswer>;

type Sdk = typeof import('@aws-sdk/client-cloudwatch');

/** The SDK is loaded, and credentials are looked for, when the first call is made. */
export function createCloudWatchApi({ region, endpoint }: CloudWatchAccess): CloudWatchApi {
  let loaded: Promise<{ sdk: Sdk; client: CloudWatchClient }> | null = null;
  const load = async () => {
    // Its connections are its own, since it has to reach link-local addresses itself, for its credentials.
    if (endpoint !== undefined) await refuseLinkLocal(endpoint);
    const sdk = await import('@aws-sdk/client-cloudwatch');
    const where = endpoint === undefined ? { region } : { region, endpoint };
    // The next check is the next attempt: one of our own would wait for Retry-After, and for nothing but a time limit.
    return { sdk, client: new sdk.CloudWatchClient({ ...where, maxAttempts: 1 }) };
  };
  const address = addressOf({ region, endpoint });
  return async (call) => {
    const limit = AbortSignal.timeout(call.timeoutMs);
    try {
      loaded ??= load();
      const { sdk, client } = await loaded;
      const abortSignal = AbortSignal.any([call.signal, limit]);
      return await allPages(call, (token) =>
        client.send(new sdk.GetMetricDataCommand({ ...inputOf(call), NextToken: token }), { abortSignal }),
      );
    } catch (error) {
      if (call.signal.aborted) return { kind: 'error', reason: `${address}: the check was cancelled` };
      if (limit.aborted)
        return { kind: 'timeout', reason: `${address}: no complete answer within ${call.timeoutMs} ms` };
      return {
        kind: isThrottling(error) ? 'rate_limited' : 'error',
        reason: `${address}: ${awsWords(error, 'cloudwatch:GetMetricData', 300)}`,
      };
    }
  };
}

/** Fit for a sentence. */
export function addressOf({ region, endpoint }: CloudWatchAccess): string {
  return endpoint === undefined ? `CloudWatch in ${region}` : `CloudWatch at ${endpoint}`;
}

function inputOf({ queries, fromMs, untilMs, stepMs }: Call) {
  return {
    StartTime: new Date(fromMs),
    EndTime: new Date(untilMs),
    ScanBy: 'TimestampAscending' as const,
    MetricDataQueries: queries.map((query, i) => dataQuery(query, i, stepMs / 1_000)),
  };
}

function dataQuery(query: MetricQuery, i: number, Period: number): MetricDataQuery {
  const Id = `q${i}`;
  if ('expression' in query) return { Id, Expression: query.expression, Period };
  const { namespace, metric, dimensions, stat } = query;
  const Dimensions = Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value }));
  const Metric = { Namespace: namespace, MetricName: metric, Dimensions };
  return { Id, MetricStat: { Metric, Period, Stat: stat } };
}

interface Page {
  readonly MetricDataResults?: readonly MetricDataResult[] | undefined;
  readonly NextToken?: string | undefined;
}

/** A server that never ends must not hold a check for ever; the time limit is there as well. */
const mostPages = 50;

async function allPages(
  { queries }: Call,
  ask: (token: string | undefined) => Promise<Page>,
): Promise<CallAnswer> {
  const found = queries.map(() => ({
    series: new Map<string, Map<number, number>>(),
    trouble: null as string | null,
  }));
  let token: string | undefined;
  let pages = 0;
  do {
    const page = await ask(token);
    if (page.MetricDataResults === undefined) throw new Error('the answer is not that of GetMetricData');
    for (const result of page.MetricDataResults) {
      const place = found[Number(result.Id?.slice(1))];
      if (place === undefined) continue;
      place.trouble = troubleIn(result);
      const label = result.Label ?? '';
      const steps = place.series.get(label) ?? new Map<number, number>();
      place.series.set(label, steps);
      for (const [i, at] of (result.Timestamps ?? []).entries()) {
        const value = result.Values?.[i];
        if (value !== undefined && Number.isFinite(value)) steps.set(at.getTime(), value);
      }
    }
    token = page.NextToken;
    pages += 1;
  } while (token !== undefined && token !== '' && pages < mostPages);
  const results = found.map(({ series, trouble }) => ({ series: [...series.values()], trouble }));
  return { kind: 'answered', results };
}

/** The last page's word of a query counts: on an earlier one `PartialData` says that there are more. */
function troubleIn({ StatusCode, Messages = [] }: MetricDataResult): string | null {
  if (StatusCode === undefined || StatusCode === 'Complete') return null;
  const said = Messages.map(({ Code, Value }) => [Code, Value].filter(Boolean).join(' ')).join('; ');
  return `${StatusCode}${said === '' ? '' : `: ${said.slice(0, 300)}`}`;
}

function isThrottling(error: unknown): boolean {
  const { name, $retryable, $metadata } = error as {
    name?: string;
    $retryable?: { throttling?: boolean };
    $metadata?: { httpStatusCode?: number };
  };
  const isNamed = /Throttl|TooManyRequests|RequestLimitExceeded/.test(name ?? '');
  return isNamed || $retryable?.throttling === true || $metadata?.httpStatusCode === 429;
}
