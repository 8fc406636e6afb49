import { askText, type Question } from './ask-text.ts';

export interface ClientOptions {
  /** E.g. `http://127.0.0.1:4600`. */
  readonly url: string;
  /** An API token, or the identity token of a pipeline; a function is asked before each request: identity tokens live for minutes. */
  readonly token: string | (() => string | Promise<string>);
  /** Whole time for one request, milliseconds; default 15,000. */
  readonly timeoutMs?: number;
  /**
   * While the API is not reached, or answers 429 or 503, a call is made again for this long, milliseconds; default 30,000; 0: never.
   * Its `Retry-After` is kept to; where that is longer than what is left, the call fails at once.
   */
  readonly retryForMs?: number;
}

/** The API refused, or could not be reached (`status` 0). The message is a sentence for people, without secrets. */
export class RollbackApiError extends Error {
  /** HTTP status; 0: nothing answered. */
  readonly status: number;
  /** How long the API asks to wait before the next try, milliseconds; `null`: it did not say. */
  readonly retryAfterMs: number | null;

  constructor(status: number, message: string, options?: ErrorOptions & { retryAfterMs?: number | null }) {
    super(message, options);
    this.name = 'RollbackApiError';
    this.status = status;
    this.retryAfterMs = options?.retryAfterMs ?? null;
  }
}

export interface Call {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: unknown;
  /** Statuses besides 2xx whose body is an answer and no error. */
  readonly alsoAnswers?: readonly number[];
  /** Whole time for one try, milliseconds; default: as the client has it. */
  readonly timeoutMs?: number;
  /** Made again it would do something else. */
  readonly once?: boolean;
}

/** Makes calls, again where the API asks for that or is not reached. */
export function createSender(options: ClientOptions) {
  const { retryForMs = 30_000 } = options;
  return async function send<Answer>(call: Call): Promise<Answer> {
    const untilMs = Date.now() + retryForMs;
    for (let tries = 1; ; tries += 1) {
      try {
        return (await sendOnce(options, call)) as Answer;
      } catch (error) {
        const waitMs = waitBefore(error, tries);
        if (call.once === true || waitMs === null || Date.now() + waitMs >= untilMs) throw error;
        await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
    }
  };
}

export type Send = ReturnType<typeof createSender>;

const longestWaitMs = 8_000;

/** Milliseconds until the next try; `null`: another try would be answered the same. */
function waitBefore(error: unknown, tries: number): number | null {
  if (!(error instanceof RollbackApiError) || ![0, 429, 503].includes(error.status)) return null;
  const doubled = Math.min(longestWaitMs, 250 * 2 ** tries);
  // Many pipelines that were refused together shall not come back together.
  return error.retryAfterMs ?? Math.round(doubled * (0.5 + Math.random() / 2));
}

async function sendOnce({ url, token, timeoutMs = 15_000 }: ClientOptions, call: Call): Promise<unknown> {
  const { method, path, query = {}, body, alsoAnswers = [], timeoutMs: patienceMs = timeoutMs } = call;
  const target = new URL(path, url);
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) target.searchParams.set(name, String(value));
  const question: Question = {
    method,
    headers: {
      authorization: `Bearer ${typeof token === 'string' ? token : await token()}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    signal: AbortSignal.timeout(patienceMs),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  };
  const { status, text, retryAfter } = await askText(target, question).catch((error: unknown) => {
    const reason = question.signal.aborted ? `nothing within ${patienceMs} ms` : causeOf(error);
    throw new RollbackApiError(0, `the API at ${url} does not answer: ${reason}`, { cause: error });
  });
  const answer = parse(text);
  if ((status >= 200 && status < 300) || alsoAnswers.includes(status)) return answer;
  const reason = (answer as { error?: string } | null)?.error ?? text.slice(0, 500);
  throw new RollbackApiError(status, reason, { retryAfterMs: millisecondsOf(retryAfter) });
}

/** The API says seconds; a proxy before it may say a date. */
function millisecondsOf(retryAfter = ''): number | null {
  if (/^\d+$/.test(retryAfter)) return Number(retryAfter) * 1_000;
  const atMs = Date.parse(retryAfter);
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - Date.now());
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function causeOf(error: unknown): string {
  // Of `localhost`, which has two addresses.
  const first = error instanceof AggregateError ? (error.errors[0] as unknown) : error;
  return first instanceof Error ? first.message || first.name : String(first);
}
