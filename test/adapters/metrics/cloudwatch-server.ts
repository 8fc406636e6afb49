import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

interface MetricDataQuery {
  readonly Id: string;
  readonly Expression?: string;
  readonly MetricStat?: {
    readonly Metric: {
      readonly Namespace: string;
      readonly MetricName: string;
      readonly Dimensions: readonly { readonly Name: string; readonly Value: string }[];
    };
    readonly Period: number;
    readonly Stat: string;
  };
}

export interface GetMetricData {
  /** Seconds since the epoch, as AWS JSON has timestamps. */
  readonly StartTime: number;
  readonly EndTime: number;
  readonly ScanBy: string;
  readonly NextToken?: string;
  readonly MetricDataQueries: readonly MetricDataQuery[];
}

/** A metric by name and the values of its dimensions, as `RequestCount app/shop targetgroup/blue`; or an expression. */
export function nameOf({ Expression, MetricStat }: MetricDataQuery): string {
  if (MetricStat === undefined) return Expression ?? '';
  const { MetricName, Dimensions } = MetricStat.Metric;
  return [MetricName, ...Dimensions.map(({ Value }) => Value)].join(' ');
}

/** CloudWatch's `GetMetricData` in AWS JSON 1.0, the protocol of its SDK, as the API reference documents it. */
export async function startCloudWatch() {
  /** By {@link nameOf}: values by the begin of their minute, milliseconds since the epoch. */
  const metrics = new Map<string, Map<number, number>>();
  /** By {@link nameOf}: what else is told of a query. */
  const statuses = new Map<string, { StatusCode: string; Messages?: { Code: string; Value: string }[] }>();
  const asked: GetMetricData[] = [];
  const headers: IncomingMessage['headers'][] = [];
  let listener: RequestListener | null = null;
  /** Results on each page. */
  let pageSize = Number.POSITIVE_INFINITY;
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (piece: Buffer) => {
      body += piece.toString();
    });
    request.on('end', () => {
      headers.push(request.headers);
      if (listener !== null) return listener(request, response);
      if (request.headers['x-amz-target'] !== 'GraniteServiceVersion20100801.GetMetricData')
        return refuse(response, 400, 'UnknownOperationException', '');
      const question = JSON.parse(body) as GetMetricData;
      asked.push(question);
      if (question.MetricDataQueries.length > 500)
        return refuse(
          response,
          400,
          'ValidationError',
          'The collection MetricDataQueries must not exceed 500',
        );
      return tell(response, question);
    });
  });
  function tell(response: ServerResponse, question: GetMetricData) {
    const from = Number(question.NextToken ?? 0);
    const queries = question.MetricDataQueries.slice(from, from + pageSize);
    const rest =
      from + pageSize < question.MetricDataQueries.length ? { NextToken: String(from + pageSize) } : {};
    const MetricDataResults = queries.map((query) => {
      const points = [...(metrics.get(nameOf(query)) ?? [])].filter(
        ([atMs]) => atMs >= question.StartTime * 1_000 && atMs < question.EndTime * 1_000,
      );
      return {
        Id: query.Id,
        Label: nameOf(query),
        Timestamps: points.map(([atMs]) => atMs / 1_000),
        Values: points.map(([, value]) => value),
        ...(statuses.get(nameOf(query)) ?? { StatusCode: 'Complete' }),
      };
    });
    response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' });
    response.end(JSON.stringify({ MetricDataResults, Messages: [], ...rest }));
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    metrics,
    statuses,
    asked,
    headers,
    put(name: string, atMs: number, value: number) {
      const points = metrics.get(name) ?? new Map<number, number>();
      metrics.set(name, points.set(atMs, value));
    },
    answer(replacement: RequestListener | null) {
      listener = replacement;
    },
    paged(size: number) {
      pageSize = size;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export function refuse(response: ServerResponse, status: number, name: string, message: string): void {
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' });
  response.end(JSON.stringify({ __type: `com.amazonaws.cloudwatch#${name}`, message }));
}
