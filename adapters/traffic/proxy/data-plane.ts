import type { Agent, IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { forward } from './forward.ts';
import type { InFlight } from './in-flight.ts';
import { ownAnswer } from './own-answer.ts';
import type { ProxyMetrics } from './proxy-metrics.ts';
import { chooseRelease, type ProxyState } from './proxy-state.ts';

const unconfiguredRetrySeconds = 5;

export interface DataPlane {
  readonly state: () => ProxyState;
  readonly inFlight: InFlight;
  readonly metrics: ProxyMetrics;
  readonly agent: Agent;
  /** Told why a request was answered 502; users are not. */
  readonly onFailure: (reason: string) => void;
}

/** Where a request goes: to the backends of a release, or to nobody, for a reason. */
export type Route =
  | { readonly kind: 'release'; readonly release: string; readonly backends: readonly string[] }
  | { readonly kind: 'nobody'; readonly reason: string; readonly retryAfterSeconds: number };

/** Chooses by weight among releases, then in turn among the backends of one. */
export function createRouter(state: () => ProxyState): () => Route {
  let turn = 0;
  return () => {
    const { maintenance, releases } = state();
    if (maintenance !== null) return { kind: 'nobody', ...maintenance };
    const release = chooseRelease(state(), Math.random());
    if (release === null) {
      const reason = 'no release receives traffic yet';
      return { kind: 'nobody', reason, retryAfterSeconds: unconfiguredRetrySeconds };
    }
    const backends = releases[release]?.backends ?? [];
    turn = (turn + 1) % Number.MAX_SAFE_INTEGER;
    const first = turn % backends.length;
    return { kind: 'release', release, backends: [...backends.slice(first), ...backends.slice(0, first)] };
  };
}

/** Answers users. A request keeps the route it had when it came in, whatever is switched meanwhile. */
export function createRequestListener(plane: DataPlane, route: () => Route): RequestListener {
  return (request, response) => {
    const startedMs = performance.now();
    const chosen = route();
    const release = chosen.kind === 'release' ? chosen.release : 'none';
    const leave = chosen.kind === 'release' ? plane.inFlight.enter(release) : () => undefined;
    response.once('close', () => {
      leave();
      const status = response.writableFinished ? response.statusCode : null;
      plane.metrics.observe(release, status, (performance.now() - startedMs) / 1_000);
    });
    // A client that goes away in mid-body: its response closes, which ends everything else.
    request.on('error', () => undefined);
    if (chosen.kind === 'nobody') {
      return answer(request, response, 503, chosen.reason, chosen.retryAfterSeconds);
    }
    forward({
      request,
      response,
      release,
      backends: chosen.backends,
      agent: plane.agent,
      onFailure: (reason) => {
        plane.onFailure(reason);
        answer(request, response, 502, 'the service did not answer');
      },
    });
  };
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  reason: string,
  retryAfterSeconds?: number,
): void {
  const { headers, body } = ownAnswer(request, status, reason, retryAfterSeconds);
  response.writeHead(status, headers).end(body);
  request.unpipe().resume();
}
