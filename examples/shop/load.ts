import { argv } from 'node:process';
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
}

export interface LoadCounts {
  ok: number;
  /** Answers other than 2xx and 3xx, and answers cut short. */
  errors: number;
  /** 503 with `Retry-After`. */
  maintenance: number;
  /** No answer: connection refused or closed, or nothing within 5 seconds. */
  refused: number;
}

export interface LoadReport {
  readonly total: LoadCounts;
  /** By the second in which the answer came; seconds without one are missing. */
  readonly seconds: readonly ({ readonly atMs: number } & Readonly<LoadCounts>)[];
  /** Of errors and refused requests, milliseconds since the epoch. */
  readonly firstBadAtMs: number | null;
  readonly lastBadAtMs: number | null;
}

export interface Load {
  /** Sends nothing more, waits for the answers that are out. */
  stop(): Promise<LoadReport>;
  report(): LoadReport;
  /** Settles when the load has ended, by itself or by `stop`. */
  readonly ended: Promise<LoadReport>;
}

const answerTimeoutMs = 5_000;
const maxConnections = 500;

/** Sends real requests at an even pace, whether or not the earlier ones are answered. */
export function startLoad(options: LoadOptions): Load {
  const origin = checked(options);
  const agent = new Agent({ connections: maxConnections, connect: { timeout: answerTimeoutMs } });
  const tally = createTally();
  const stopping = new AbortController();
  const ended = run(options, () => send(agent, origin, tally), stopping.signal).then(async () => {
    await agent.close();
    return tally.report();
  });
  return {
    stop() {
      stopping.abort();
      return ended;
    },
    report: tally.report,
    ended,
  };
}

function checked({ url, requestsPerSecond, maxSeconds }: LoadOptions): string {
  const { origin, hostname } = new URL(url);
  if (!/^(127\.\d+\.\d+\.\d+|\[::1\]|localhost)$/.test(hostname)) {
    throw new Error(`load goes to loopback addresses only, not to ${hostname}`);
  }
  for (const [name, value, max] of [
    ['requestsPerSecond', requestsPerSecond, 1_000],
    ['maxSeconds', maxSeconds, 3_600],
  ] as const) {
    if (!(value >= 1 && value <= max)) throw new Error(`${name} must be from 1 to ${max}, is ${value}`);
  }
  return origin;
}
