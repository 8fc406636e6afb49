import { request } from 'undici';
import { originsOf } from './origins.ts';
import type { Switched } from './proxy/control-plane.ts';
import { readToken } from './proxy/control-token.ts';
import { type ProxyState, receiving } from './proxy/proxy-state.ts';
import type { TrafficControl, TrafficState } from './traffic-control.ts';

const deadlineMs = 10_000;

export interface ProxyTrafficOptions {
  /** Like `http://127.0.0.1:4001`. */
  readonly controlUrl: string;
  /** The file that the proxy was started with; read at every call, so that the token may change. */
  readonly tokenFile: string;
}

/** Traffic of one service through the built-in proxy. */
export function createProxyTraffic(options: ProxyTrafficOptions): TrafficControl {
  return {
    async state(_service, signal) {
      return trafficState(await getState(options, signal));
    },
    async stop(_service, { reason, retryAfterSeconds, signal }) {
      const { releases } = await getState(options, signal);
      await putState(options, { maintenance: { reason, retryAfterSeconds }, releases }, signal);
    },
    async resume(_service, { release, instances, signal }) {
      const share = { weight: 100, backends: originsOf(release, instances) };
      await putState(options, { maintenance: null, releases: { [release]: share } }, signal);
    },
  };
}

function trafficState(state: ProxyState): TrafficState {
  const weights = Object.entries(state.releases).map(([release, { weight }]) => ({ release, weight }));
  const total = weights.reduce((sum, { weight }) => sum + weight, 0);
  const percent = weights.map(({ release, weight }) => [release, total === 0 ? 0 : (weight / total) * 100]);
  return { maintenance: receiving(state).length === 0, weights: Object.fromEntries(percent) };
}

function getState(options: ProxyTrafficOptions, signal: AbortSignal): Promise<ProxyState> {
  return call<ProxyState>(options, { method: 'GET' }, signal);
}

function putState(options: ProxyTrafficOptions, state: ProxyState, signal: AbortSignal): Promise<Switched> {
  return call<Switched>(options, { method: 'PUT', body: JSON.stringify(state) }, signal);
}

async function call<T>(
  { controlUrl, tokenFile }: ProxyTrafficOptions,
  message: { readonly method: 'GET' | 'PUT'; readonly body?: string },
  signal: AbortSignal,
): Promise<T> {
  const headers = { authorization: `Bearer ${await readToken(tokenFile)}` };
  const limit = AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]);
  const response = await request(new URL('/state', controlUrl), { ...message, headers, signal: limit });
  const text = await response.body.text();
  if (response.statusCode === 200) return JSON.parse(text) as T;
  throw new Error(`the proxy at ${controlUrl} answered ${response.statusCode}: ${text.slice(0, 1_000)}`);
}
