import type {
  Answer,
  AuditEntry,
  CommandRequest,
  Deployment,
  DeploymentReport,
  FloorRequest,
  GateAnswer,
  GateRequest,
  Incident,
  IncidentStory,
  Lesson,
  LessonsQuery,
  LinkRequest,
  MadeToken,
  NewTokenRequest,
  PauseRequest,
  ProductNow,
  ProductStatus,
  Readiness,
  Reported,
  ReviewRequest,
  RollbackPlan,
  RollbackRequest,
  ServiceSeries,
  SignInLink,
  StandingRequest,
  Statistics,
  TimelineEntry,
  Token,
  VetoRequest,
  WhoAmI,
} from './answers.ts';
import { type ClientOptions, createSender, RollbackApiError, type Send } from './send-request.ts';

export type { ServiceSeries, SignalName, SignalSeries } from './answers.ts';
export { type ClientOptions, RollbackApiError } from './send-request.ts';

/** A product in one environment. */
export interface Scope {
  readonly product: string;
  /** Default: `production`. */
  readonly environment?: string;
}

export interface Filter {
  readonly product?: string;
  readonly environment?: string;
  /** At most so many, newest first; default 50, at most 500. */
  readonly limit?: number;
}

/**
 * The typed client of the HTTP API, for pipelines and programs; the command line and nothing else of ours uses it, too.
 *
 * Every method rejects with a {@link RollbackApiError} whose message is a sentence for people. A call is made again while the API is
 * not reached or answers 429 or 503 (see {@link ClientOptions.retryForMs}); what that means for each is said with it.
 */
export function createRollbackClient(options: ClientOptions) {
  const send = createSender(options);
  return {
    ...deploying(send),
    ...commanding(send),
    ...vouching(send),
    ...reading(send),
    ...administering(send),
  };
}

export type RollbackClient = ReturnType<typeof createRollbackClient>;
/** `handover` is the API's `handOver`. */
export type CommandName = 'acknowledge' | 'retry' | 'resolve' | 'abort' | 'handover' | 'traffic';

/** The gate looks at everything, for which it has to wait for a worker. */
const gatePatienceMs = 40_000;

function deploying(send: Send) {
  return {
    /**
     * Reports a deployment that has happened; its 24-hour monitor starts. The same `deployment` id is the same deployment, however
     * often it is reported (`isNew: false`). Without an id the client makes one of the time, so that a repeat is no second deployment.
     */
    reportDeployment: (body: DeploymentReport) =>
      send<Reported>({
        method: 'POST',
        path: '/v1/deployments',
        body: { ...body, deployment: body.deployment ?? `deploy-${stamp()}` },
      }),

    /** Asks before a deployment; answers also when the gate is shut (`open: false`, with the ways past it). May take half a minute. */
    gate: (scope: Scope, body: GateRequest = {}) =>
      send<GateAnswer>({
        ...at('POST', scope, '/gate', body),
        alsoAnswers: [409],
        timeoutMs: gatePatienceMs,
      }),

    /** Whether a rollback would work, as it was last looked at. */
    readiness: (scope: Scope) => send<Readiness>(at('GET', scope, '/readiness')),

    /** Deployments, newest first. */
    deployments: (filter: Filter = {}) =>
      send<{ deployments: Deployment[] }>({ method: 'GET', path: '/v1/deployments', query: { ...filter } }),

    /** One deployment and its story. `outcome` is `null` while its monitor runs. */
    deployment: (scope: Scope & { deployment: string }) =>
      send<{ deployment: Deployment; timeline: TimelineEntry[] }>({
        method: 'GET',
        path: deploymentPath(scope),
        query: { environment: scope.environment },
      }),

    /** What was measured, service by service; `null` where the API does not serve it. */
    series: (scope: Scope & { deployment: string; service?: string; points?: number }) =>
      orNull(
        send<{ services: ServiceSeries[] }>({
          method: 'GET',
          path: `${deploymentPath(scope)}/series`,
          query: { environment: scope.environment, service: scope.service, points: scope.points },
        }),
      ),
  };
}

function commanding(send: Send) {
  return {
    /**
     * Rolls back now, whatever the triggers say. Answers also when it is refused (`accepted: false`, with the reason). One `requestId`
     * is one command, however often it arrives; without one the client makes it.
     */
    rollback: (scope: Scope, body: RollbackRequest) =>
      send<Answer>({ ...at('POST', scope, '/rollback', withRequestId(body)), alsoAnswers: [409] }),

    /** What a rollback would do now. */
    planRollback: (scope: Scope) => send<RollbackPlan>(at('GET', scope, '/rollback')),

    /** Holds automatic rollbacks back, until resumed or for `minutes`. Repeated, it is said once more in the timeline. */
    pause: (scope: Scope, body: PauseRequest) => send<Answer>(at('POST', scope, '/pause', body)),

    /** Says no to a rollback that waits for that (`veto_seconds`); answers also when none waits (`accepted: false`). */
    veto: (scope: Scope, body: VetoRequest) =>
      send<Answer>({ ...at('POST', scope, '/veto', withRequestId(body)), alsoAnswers: [409] }),

    /** Ends a pause or a veto; a breach that stands is acted on at once. */
    resume: (scope: Scope, by?: string) =>
      send<Answer>(at('POST', scope, '/resume', by === undefined ? {} : { by })),

    /** A word to a rollback under way; answers also when it is refused. One `requestId` is one command. */
    command: (scope: Scope, name: CommandName, body: CommandRequest = {}) =>
      send<Answer>({ ...at('POST', scope, `/${name}`, withRequestId(body)), alsoAnswers: [409] }),
  };
}

function vouching(send: Send) {
  return {
    /** Declares a release good (a rollback target at once) or bad (never one). Repeated, it is the same. */
    setStanding: (scope: Scope, release: string, body: StandingRequest) =>
      send<Answer>(at('POST', scope, `/releases/${encodeURIComponent(release)}`, body)),

    /** No release older than this one is restored from now on; `null` lifts that. */
    setFloor: (scope: Scope, body: FloorRequest) => send<Answer>(at('POST', scope, '/floor', body)),

    /** The owner's review of an incident; answers also when there is one already (`accepted: false`). */
    review: (id: string, body: ReviewRequest) =>
      send<Answer>({
        method: 'POST',
        path: `/v1/incidents/${encodeURIComponent(id)}/review`,
        body,
        alsoAnswers: [409],
      }),
  };
}

function reading(send: Send) {
  return {
    /**
     * Every product as the page shows it, worst first.
     * @param points of each signal; 0: no series
     */
    overview: (points = 0) =>
      send<{ products: ProductNow[] }>({ method: 'GET', path: '/v1/overview', query: { points } }),
    /** Every configured product that the caller may see. */
    products: () =>
      send<{ products: { product: string; environment: string }[] }>({ method: 'GET', path: '/v1/products' }),

    /** What is live and what is going on. */
    status: (scope: Scope) => send<ProductStatus>(at('GET', scope, '')),

    /** Incidents, newest first. */
    incidents: (filter: Filter = {}) =>
      send<{ incidents: Incident[] }>({ method: 'GET', path: '/v1/incidents', query: { ...filter } }),

    /** An incident with its report and its timeline. */
    incident: (id: string) =>
      send<IncidentStory>({ method: 'GET', path: `/v1/incidents/${encodeURIComponent(id)}` }),

    /** Has this happened before, and what fixed it? Best first; newest first where nothing is asked. */
    lessons: (question: LessonsQuery = {}) =>
      send<{ lessons: Lesson[] }>({
        method: 'GET',
        path: '/v1/lessons',
        query: { ...question } as Record<string, string | number | undefined>,
      }),

    /** The last days in figures. */
    statistics: (days = 30) => send<Statistics>({ method: 'GET', path: '/v1/statistics', query: { days } }),

    /** What is wrong with the system itself, one sentence each. */
    health: () =>
      send<{ healthy: boolean; problems: string[] }>({
        method: 'GET',
        path: '/healthz',
        alsoAnswers: [503],
      }),

    /** Whether store and Temporal are reached. */
    ready: () =>
      send<{ store: boolean; temporal: boolean }>({ method: 'GET', path: '/readyz', alsoAnswers: [503] }),
  };
}

function administering(send: Send) {
  return {
    /** Who the API takes the caller for, and what they may do. */
    me: () => send<WhoAmI>({ method: 'GET', path: '/v1/me' }),

    /** Opens the page, once, within two minutes. */
    signInLink: (body: LinkRequest = {}) =>
      send<SignInLink>({ method: 'POST', path: '/v1/sign-in-links', body }),

    tokens: () => send<{ tokens: Token[] }>({ method: 'GET', path: '/v1/tokens' }),

    /** The secret is in this answer only; therefore it is never asked for twice. */
    makeToken: (body: NewTokenRequest) =>
      send<MadeToken>({ method: 'POST', path: '/v1/tokens', body, once: true }),

    /** @param idOrName of the token that shall serve no longer */
    revokeToken: (idOrName: string) =>
      send<Answer>({ method: 'DELETE', path: `/v1/tokens/${encodeURIComponent(idOrName)}` }),

    /** Every command, done or refused, newest first. */
    audit: (filter: { product?: string; who?: string; limit?: number } = {}) =>
      send<{ entries: AuditEntry[] }>({ method: 'GET', path: '/v1/audit', query: filter }),
  };
}

function at(method: 'GET' | 'POST', { product, environment }: Scope, what: string, body?: unknown) {
  return { method, path: `/v1/products/${encodeURIComponent(product)}${what}`, query: { environment }, body };
}

function deploymentPath({ product, deployment }: Scope & { deployment: string }): string {
  return `/v1/deployments/${encodeURIComponent(product)}/${encodeURIComponent(deployment)}`;
}

function withRequestId<Body extends { requestId?: string | undefined }>(body: Body): Body {
  return { ...body, requestId: body.requestId ?? crypto.randomUUID() };
}

/** `20261124t101500`, as ids are written. */
function stamp(): string {
  return new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '').toLowerCase();
}

async function orNull<Found>(asked: Promise<Found>): Promise<Found | null> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof RollbackApiError && error.status === 404) return null;
    throw error;
  }
}
