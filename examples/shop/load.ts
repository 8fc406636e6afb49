import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Agent } from 'undici';

export interface LoadOptions {
  /** Where the shop or the proxy before it listens; loopback only. */
  readonly url: string;
  /** 1 to 1,000. */
  readonly requestsPerSecond: number;
  readonly seed: number;
  /** 1 to 3,600; the load ends by itself then. */
  readonly maxSeconds: number;
  /** False: a connection for each request, as of visitors who come once. Default true. */
  readonly keepConnections?: boolean;
}

export interface LoadCounts {
  ok: number;
  /** Answers other than 2xx and 3xx. */
  errors: number;
  /** 503 with `Retry-After`. */
  maintenance: number;
  /** No whole answer: connection refused or closed, or silence for 5 seconds. */
  refused: number;
}

export interface LoadSecond extends LoadCounts {
  /** Its begin, milliseconds since the epoch. */
  readonly atMs: number;
}

export interface LoadReport {
  readonly total: LoadCounts;
  /** By the second in which the answers came; a second without answers is missing. */
  readonly seconds: readonly LoadSecond[];
  /** The first error or refused request, milliseconds since the epoch. */
  readonly firstBadAtMs: number | null;
  readonly lastBadAtMs: number | null;
}

export interface Load {
  /** Sends nothing more and waits for the answers that are due. */
  stop(): Promise<LoadReport>;
  report(): LoadReport;
  /** Settles when the load is over, by itself or by `stop`. */
  readonly ended: Promise<LoadReport>;
}

const silenceMs = 5_000;
const maxInFlight = 500;

/** Sends real requests at an even pace, whether or not the earlier ones are answered. */
export function startLoad(options: LoadOptions): Load {
  const origin = checkedOrigin(options);
  const agent = new Agent({
    connections: maxInFlight,
    pipelining: options.keepConnections === false ? 0 : 1,
    connectTimeout: silenceMs,
    headersTimeout: silenceMs,
    bodyTimeout: silenceMs,
  });
  const tally = createTally();
  const stopping = new AbortController();
  const visit = async (path: string) => tally.add(await kindOfAnswer(agent, origin, path));
  const ended = pace(options, visit, stopping.signal).then(async () => {
    await agent.close();
    return tally.report();
  });
  return {
    stop() {
      stopping.abort();
      return ended;
    },
    report: () => tally.report(),
    ended,
  };
}

function checkedOrigin({ url, requestsPerSecond, maxSeconds }: LoadOptions): string {
  const { origin, hostname } = new URL(url);
  if (!/^(127\.\d+\.\d+\.\d+|\[::1\]|localhost)$/.test(hostname)) {
    throw new Error(`load is sent to loopback addresses only, not to ${hostname}`);
  }
  if (!(requestsPerSecond >= 1 && requestsPerSecond <= 1_000)) {
    throw new Error(`requestsPerSecond is ${requestsPerSecond}; from 1 to 1,000 is possible`);
  }
  if (!(maxSeconds >= 1 && maxSeconds <= 3_600)) {
    throw new Error(`maxSeconds is ${maxSeconds}; from 1 to 3,600 is possible`);
  }
  return origin;
}

async function pace(
  { requestsPerSecond, seed, maxSeconds }: LoadOptions,
  visit: (path: string) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const random = createRandom(seed);
  const inFlight = new Set<Promise<void>>();
  const startedAtMs = performance.now();
  const last = requestsPerSecond * maxSeconds;
  for (let n = 0; n < last && !signal.aborted; n += 1) {
    const waitMs = startedAtMs + (n * 1_000) / requestsPerSecond - performance.now();
    if (waitMs > 0) await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    // More than a second late: this process was held up, and a burst would be no even pace.
    if (signal.aborted || waitMs < -1_000) continue;
    const path = pathFor(random);
    if (inFlight.size >= maxInFlight) await Promise.race(inFlight);
    const visited = visit(path).finally(() => inFlight.delete(visited));
    inFlight.add(visited);
  }
  await Promise.all(inFlight);
}

/** Half of the visitors look around, a third buys. */
function pathFor(random: () => number): string {
  const kind = random();
  const user = 1 + Math.floor(random() * 500);
  if (kind < 0.5) return '/products';
  return kind < 0.67 ? `/cart?user=${user}` : `/checkout?user=${user}`;
}

async function kindOfAnswer(agent: Agent, origin: string, path: string): Promise<keyof LoadCounts> {
  const method = path.startsWith('/checkout') ? 'POST' : 'GET';
  try {
    const { statusCode, headers, body } = await agent.request({ origin, path, method });
    await body.dump({ limit: 1_048_576 });
    if (statusCode < 400) return 'ok';
    return statusCode === 503 && headers['retry-after'] !== undefined ? 'maintenance' : 'errors';
  } catch {
    return 'refused';
  }
}

function createTally() {
  const total: LoadCounts = { ok: 0, errors: 0, maintenance: 0, refused: 0 };
  const seconds = new Map<number, LoadSecond>();
  let firstBadAtMs: number | null = null;
  let lastBadAtMs: number | null = null;
  return {
    add(kind: keyof LoadCounts): void {
      const now = Date.now();
      const atMs = now - (now % 1_000);
      const second = seconds.get(atMs) ?? { atMs, ok: 0, errors: 0, maintenance: 0, refused: 0 };
      seconds.set(atMs, second);
      second[kind] += 1;
      total[kind] += 1;
      if (kind === 'ok' || kind === 'maintenance') return;
      firstBadAtMs ??= now;
      lastBadAtMs = now;
    },
    report: (): LoadReport => ({
      total: { ...total },
      seconds: Array.from(seconds.values(), (second) => ({ ...second })),
      firstBadAtMs,
      lastBadAtMs,
    }),
  };
}

/** Mulberry32: the same visitors for the same seed. */
function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A line of JSON for each full second, the report at the end; SIGTERM or SIGINT ends it early. */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      url: { type: 'string' },
      rps: { type: 'string', default: '80' },
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string', default: '1' },
    },
  });
  if (values.url === undefined)
    throw new Error('usage: load.ts --url URL [--rps 80] [--seconds 60] [--seed 1]');
  const load = startLoad({
    url: values.url,
    requestsPerSecond: Number(values.rps),
    seed: Number(values.seed),
    maxSeconds: Number(values.seconds),
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void load.stop());
  let printed = 0;
  const printUntil = (atMs: number) => {
    for (const second of load.report().seconds.filter((each) => each.atMs > printed && each.atMs < atMs)) {
      console.log(JSON.stringify(second));
      printed = second.atMs;
    }
  };
  const timer = setInterval(() => printUntil(Date.now() - (Date.now() % 1_000)), 250);
  const { seconds: _, ...report } = await load.ended;
  clearInterval(timer);
  printUntil(Number.POSITIVE_INFINITY);
  console.log(JSON.stringify(report));
}

if (import.meta.main) await main();
