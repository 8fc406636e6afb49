import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type PrometheusHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  form: URLSearchParams,
) => void;

/** One series as a scrape found it. */
export interface Scraped {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/**
 * Stands in for Prometheus' HTTP API: answers `query_range` over scrapes that a test writes down, with the values, the staleness
 * and the five minutes of memory that the real one has. It knows the few forms of PromQL that ready-made queries have.
 */
export interface PrometheusServer {
  readonly url: string;
  /** The forms of all requests so far. */
  readonly asked: readonly URLSearchParams[];
  readonly headers: readonly IncomingMessage['headers'][];
  /** Everything that one scrape found at that time; in the order of time. */
  scrape(atMs: number, series: readonly Scraped[]): void;
  answer(handler: PrometheusHandler | null): void;
  close(): Promise<void>;
}

export async function startPrometheusServer(): Promise<PrometheusServer> {
  const scrapes: { atMs: number; series: readonly Scraped[] }[] = [];
  const asked: URLSearchParams[] = [];
  const headers: IncomingMessage['headers'][] = [];
  let handler: PrometheusHandler | null = null;
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (piece: Buffer) => {
      body += piece.toString();
    });
    request.on('end', () => {
      const form = new URLSearchParams(body);
      asked.push(form);
      headers.push(request.headers);
      if (handler !== null) handler(request, response, form);
      else if (request.method !== 'POST' || request.url !== '/api/v1/query_range')
        response.writeHead(404).end();
      else answerWith(response, rangeOf(scrapes, form));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    headers,
    scrape: (atMs, series) => void scrapes.push({ atMs, series }),
    answer(replacement) {
      handler = replacement;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export function matrix(result: readonly unknown[], others: Record<string, unknown> = {}): unknown {
  return { status: 'success', data: { resultType: 'matrix', result }, ...others };
}

export function answerWith(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

const memoryMs = 5 * 60_000;

function rangeOf(
  scrapes: readonly { atMs: number; series: readonly Scraped[] }[],
  form: URLSearchParams,
): unknown {
  const query = parse(form.get('query') ?? '');
  const [start, end, step] = ['start', 'end', 'step'].map((name) => Number(form.get(name)) * 1_000) as [
    number,
    number,
    number,
  ];
  const rows = new Map<string, { metric: Record<string, string>; values: [number, string][] }>();
  for (let atMs = start; atMs <= end + 0.001; atMs += step) {
    const scrape = scrapeAt(scrapes, atMs);
    for (const [key, { metric, value }] of evaluate(query, scrape)) {
      const row = rows.get(key) ?? { metric, values: [] };
      rows.set(key, row);
      row.values.push([Math.round(atMs) / 1_000, String(value)]);
    }
  }
  return matrix([...rows.values()]);
}

/** The newest one until then, by bisection. */
function scrapeAt(scrapes: readonly { atMs: number; series: readonly Scraped[] }[], atMs: number) {
  let [low, high] = [0, scrapes.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((scrapes[middle]?.atMs ?? 0) <= atMs + 0.5) low = middle + 1;
    else high = middle;
  }
  const found = scrapes[low - 1];
  return found === undefined || found.atMs <= atMs - memoryMs ? undefined : found;
}

interface Query {
  readonly how: string;
  readonly by: readonly string[];
  readonly name: string;
  readonly isTimestamp: boolean;
  readonly matchers: readonly (readonly [label: string, operator: string, value: string])[];
}

function parse(text: string): Query {
  const found = /^(sum|max) by \(([^)]*)\) \((timestamp\()?(\w+)\{(.*)\}\)?\)$/.exec(text);
  if (found === null) throw new Error(`the stand-in does not know ${text}`);
  const [, how = '', by = '', timestamp, name = '', selector = ''] = found;
  const matchers = [...selector.matchAll(/(\w+)(=~|=)"([^"]*)"/g)].map(
    ([, label = '', operator = '', value = '']) => [label, operator, value.replace(/\\(.)/g, '$1')] as const,
  );
  return {
    how,
    by: by.split(',').map((label) => label.trim()),
    name,
    isTimestamp: timestamp !== undefined,
    matchers,
  };
}

function evaluate(
  { how, by, name, isTimestamp, matchers }: Query,
  scrape: { atMs: number; series: readonly Scraped[] } | undefined,
): Map<string, { metric: Record<string, string>; value: number }> {
  const groups = new Map<string, { metric: Record<string, string>; value: number }>();
  for (const series of scrape?.series ?? []) {
    if (series.name !== name || !matchers.every((matcher) => matches(series.labels, matcher))) continue;
    const metric = Object.fromEntries(
      by.flatMap((label) => (label in series.labels ? [[label, series.labels[label] ?? '']] : [])),
    );
    const value = isTimestamp ? (scrape?.atMs ?? 0) / 1_000 : series.value;
    const key = JSON.stringify(metric);
    const before = groups.get(key)?.value;
    const all = before === undefined ? value : how === 'sum' ? before + value : Math.max(before, value);
    groups.set(key, { metric, value: all });
  }
  return groups;
}

function matches(
  labels: Scraped['labels'],
  [label, operator, value]: readonly [string, string, string],
): boolean {
  const found = labels[label] ?? '';
  return operator === '=' ? found === value : new RegExp(`^(?:${value})$`).test(found);
}
