import type { IncomingMessage, RequestListener } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Question {
  readonly data: {
    readonly type: string;
    readonly attributes: {
      readonly from: number;
      readonly to: number;
      readonly interval: number;
      readonly queries: readonly {
        readonly data_source: string;
        readonly name: string;
        readonly query: string;
      }[];
      readonly formulas: readonly { readonly formula: string }[];
    };
  };
}

/** What one series of the answer is made of. */
export interface DatadogSeries {
  /** Part of the query that it answers. */
  readonly metric: string;
  readonly points: ReadonlyMap<number, number>;
  readonly unit?: readonly unknown[];
  readonly tags?: readonly string[];
}

/** Datadog's `POST /api/v2/query/timeseries`, as its API reference documents requests and answers. */
export async function startDatadog() {
  const series: DatadogSeries[] = [];
  const asked: Question[] = [];
  const headers: IncomingMessage['headers'][] = [];
  let listener: RequestListener | null = null;
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (piece: Buffer) => {
      body += piece.toString();
    });
    request.on('end', () => {
      headers.push(request.headers);
      if (listener !== null) return listener(request, response);
      if (request.method !== 'POST' || request.url !== '/api/v2/query/timeseries')
        return response.writeHead(404).end('{"errors":["Not found"]}');
      const question = JSON.parse(body) as Question;
      asked.push(question);
      response.writeHead(200, { 'content-type': 'application/json' });
      return response.end(JSON.stringify(answerTo(question, series)));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    series,
    asked,
    headers,
    answer(replacement: RequestListener | null) {
      listener = replacement;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function answerTo({ data: { attributes } }: Question, known: readonly DatadogSeries[]) {
  const { from, to, interval, queries, formulas } = attributes;
  const found = formulas.flatMap(({ formula }, query_index) => {
    const query = queries.find(({ name }) => name === formula)?.query ?? '';
    return known
      .filter(({ metric }) => query.includes(metric))
      .map(({ points, unit = null, tags = [] }) => ({ query_index, points, unit, tags }));
  });
  const times = [...new Set(found.flatMap(({ points }) => [...points.keys()]))]
    .map((atMs) => Math.floor(atMs / interval) * interval)
    .filter((atMs) => atMs >= from && atMs < to)
    .toSorted((a, b) => a - b);
  const all = times.length === 0 ? [] : range(times[0] as number, times.at(-1) as number, interval);
  return {
    data: {
      type: 'timeseries_response',
      id: '0',
      attributes: {
        times: all,
        series: found.map(({ query_index, unit, tags }) => ({ group_tags: tags, query_index, unit })),
        values: found.map(({ points }) => all.map((atMs) => points.get(atMs) ?? null)),
      },
    },
  };
}

function range(first: number, last: number, step: number): number[] {
  return Array.from({ length: Math.round((last - first) / step) + 1 }, (_, i) => first + i * step);
}
