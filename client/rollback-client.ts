import type { z } from '@hono/zod-openapi';
import type {
  auditEntry,
  linkRequest,
  madeToken,
  newTokenRequest,
  signInLink,
  token,
  whoAmI,
} from './api/access/access-schemas.ts';
import type {
  answer,
  commandRequest,
  deployment,
  deploymentReport,
  floorRequest,
  gateAnswer,
  gateRequest,
  incident,
  pauseRequest,
  productStatus,
  readiness,
  reported,
  reviewRequest,
  rollbackPlan,
  rollbackRequest,
  standingRequest,
  statistics,
  timelineEntry,
} from './api/schemas.ts';
import { askText, type Question } from './ask-text.ts';

export interface ClientOptions {
  /** E.g. `http://127.0.0.1:4600`. */
  readonly url: string;
  readonly token: string;
  /** Whole time for one request, milliseconds; default 15,000. */
  readonly timeoutMs?: number;
}

type Body<Schema extends z.ZodType> = z.input<Schema>;
type Result<Schema extends z.ZodType> = z.output<Schema>;

export interface Scope {
  readonly product: string;
  readonly environment?: string;
}

/** The API refused, or could not be reached (`status` 0). */
export class RollbackApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RollbackApiError';
    this.status = status;
  }
}

/** The typed client for pipelines; the CLI and nothing else of ours talks to the API through it. */
export function createRollbackClient(options: ClientOptions) {
  const send = createSender(options);
  const at = ({ product }: Scope, what = '') => `/v1/products/${encodeURIComponent(product)}${what}`;
  const query = ({ environment }: Scope) => (environment === undefined ? {} : { environment });
  return {
    reportDeployment: (body: Body<typeof deploymentReport>) =>
      send<Result<typeof reported>>('POST', '/v1/deployments', {}, body),
    deployments: (filter: { product?: string; environment?: string; limit?: number } = {}) =>
      send<{ deployments: Result<typeof deployment>[] }>('GET', '/v1/deployments', filter),
    deployment: (scope: Scope & { deployment: string }) =>
      send<{ deployment: Result<typeof deployment>; timeline: Result<typeof timelineEntry>[] }>(
        'GET',
        `/v1/deployments/${encodeURIComponent(scope.product)}/${encodeURIComponent(scope.deployment)}`,
        query(scope),
      ),
    /** What was measured, service by service; `null` where the API does not serve it. */
    series: (scope: Scope & { deployment: string; service?: string; points?: number }) =>
      orNull(
        send<{ services: ServiceSeries[] }>(
          'GET',
          `/v1/deployments/${encodeURIComponent(scope.product)}/${encodeURIComponent(scope.deployment)}/series`,
          { ...query(scope), service: scope.service, points: scope.points },
        ),
      ),
    products: () => send<{ products: { product: string; environment: string }[] }>('GET', '/v1/products', {}),
    status: (scope: Scope) => send<Result<typeof productStatus>>('GET', at(scope), query(scope)),
    rollback: (scope: Scope, body: Body<typeof rollbackRequest>) =>
      send<Result<typeof answer>>('POST', at(scope, '/rollback'), query(scope), body, [409]),
    planRollback: (scope: Scope) =>
      send<Result<typeof rollbackPlan>>('GET', at(scope, '/rollback'), query(scope)),
    pause: (scope: Scope, body: Body<typeof pauseRequest>) =>
      send<Result<typeof answer>>('POST', at(scope, '/pause'), query(scope), body),
    resume: (scope: Scope, by?: string) =>
      send<Result<typeof answer>>('POST', at(scope, '/resume'), query(scope), by === undefined ? {} : { by }),
    command: (scope: Scope, name: CommandName, body: Body<typeof commandRequest> = {}) =>
      send<Result<typeof answer>>('POST', at(scope, `/${name}`), query(scope), body, [409]),
    setStanding: (scope: Scope, release: string, body: Body<typeof standingRequest>) =>
      send<Result<typeof answer>>(
        'POST',
        at(scope, `/releases/${encodeURIComponent(release)}`),
        query(scope),
        body,
      ),
    setFloor: (scope: Scope, body: Body<typeof floorRequest>) =>
      send<Result<typeof answer>>('POST', at(scope, '/floor'), query(scope), body),
    /** Answers also when the gate is shut; asking may take half a minute, for a worker looks at everything. */
    gate: (scope: Scope, body: Body<typeof gateRequest> = {}) =>
      send<Result<typeof gateAnswer>>('POST', at(scope, '/gate'), query(scope), body, [409], gatePatienceMs),
    readiness: (scope: Scope) => send<Result<typeof readiness>>('GET', at(scope, '/readiness'), query(scope)),
    incidents: (filter: { product?: string; environment?: string; limit?: number } = {}) =>
      send<{ incidents: Result<typeof incident>[] }>('GET', '/v1/incidents', filter),
    incident: (id: string) =>
      send<{
        incident: Result<typeof incident>;
        report: Record<string, unknown> | null;
        timeline: Result<typeof timelineEntry>[];
      }>('GET', `/v1/incidents/${encodeURIComponent(id)}`, {}),
    review: (id: string, body: Body<typeof reviewRequest>) =>
      send<Result<typeof answer>>('POST', `/v1/incidents/${encodeURIComponent(id)}/review`, {}, body, [409]),
    statistics: (days = 30) => send<Result<typeof statistics>>('GET', '/v1/statistics', { days }),
    me: () => send<Result<typeof whoAmI>>('GET', '/v1/me', {}),
    /** Opens the page, once, within two minutes. */
    signInLink: (body: Body<typeof linkRequest> = {}) =>
      send<Result<typeof signInLink>>('POST', '/v1/sign-in-links', {}, body),
    tokens: () => send<{ tokens: Result<typeof token>[] }>('GET', '/v1/tokens', {}),
    makeToken: (body: Body<typeof newTokenRequest>) =>
      send<Result<typeof madeToken>>('POST', '/v1/tokens', {}, body),
    /** @param idOrName of the token that shall serve no longer */
    revokeToken: (idOrName: string) =>
      send<Result<typeof answer>>('DELETE', `/v1/tokens/${encodeURIComponent(idOrName)}`, {}),
    audit: (filter: { product?: string; who?: string; limit?: number } = {}) =>
      send<{ entries: Result<typeof auditEntry>[] }>('GET', '/v1/audit', filter),
    health: () => send<{ healthy: boolean; problems: string[] }>('GET', '/healthz', {}, undefined, [503]),
    ready: () => send<{ store: boolean; temporal: boolean }>('GET', '/readyz', {}, undefined, [503]),
  };
}

export type RollbackClient = ReturnType<typeof createRollbackClient>;
export type CommandName = 'acknowledge' | 'retry' | 'resolve' | 'abort' | 'handover' | 'traffic';

/** One signal of one service over time. */
export interface SignalSeries {
  readonly signal: SignalName;
  readonly unit: string;
  readonly baseline: number | null;
  /** More than this is a breach; `null`: nothing is. */
  readonly threshold: number | null;
  /** Oldest first. `null`: not measured. */
  readonly points: readonly { readonly atMs: number; readonly value: number | null }[];
}

export interface ServiceSeries {
  readonly service: string;
  readonly signals: readonly SignalSeries[];
}

export type SignalName =
  | 'error_rate'
  | 'latency_p50'
  | 'latency_p95'
  | 'latency_p99'
  | 'memory'
  | 'cpu'
  | 'request_rate'
  | 'db_connection_errors'
  | 'health';

async function orNull<Answer>(asked: Promise<Answer>): Promise<Answer | null> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof RollbackApiError && error.status === 404) return null;
    throw error;
  }
}

type Query = Readonly<Record<string, string | number | undefined>>;

const gatePatienceMs = 40_000;

function createSender({ url, token, timeoutMs = 15_000 }: ClientOptions) {
  return async function send<Answer>(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    query: Query,
    body?: unknown,
    alsoAnswers: readonly number[] = [],
    patienceMs = timeoutMs,
  ): Promise<Answer> {
    const target = new URL(path, url);
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) target.searchParams.set(name, String(value));
    const question: Question = {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      signal: AbortSignal.timeout(patienceMs),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    };
    const { status, text } = await askText(target, question).catch((error: unknown) => {
      const reason = question.signal.aborted ? `nothing within ${patienceMs} ms` : causeOf(error);
      throw new RollbackApiError(0, `the API at ${url} does not answer: ${reason}`, { cause: error });
    });
    const answer = parse(text);
    if ((status >= 200 && status < 300) || alsoAnswers.includes(status)) return answer as Answer;
    const reason = (answer as { error?: string } | null)?.error ?? text.slice(0, 500);
    throw new RollbackApiError(status, reason);
  };
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
