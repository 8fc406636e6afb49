import { cursorFormat } from './cursor-format.ts';
import type { MetricsSource } from './metrics-source.ts';
import { createPrometheusApi } from './prometheus/api.ts';
import type { Settings } from './prometheus/ask.ts';
import { history } from './prometheus/history.ts';
import { measure } from './prometheus/measure.ts';
import {
  ofNativeHistograms,
  type Queries,
  type QuerySetName,
  querySets,
  type Signal,
} from './prometheus/queries.ts';
import { sharedPrometheus } from './prometheus/shared.ts';

/** Those left out are those of the set. */
export type OwnQueries = { readonly [Name in Signal]?: string | undefined };

export interface PrometheusOptions {
  /** What stands before `/api/v1`; its user name and password, if any, are sent as basic authentication. */
  readonly url: string;
  /** Ready-made queries; default `prom-client`, or none where `queries` has one for requests. */
  readonly set?: QuerySetName | undefined;
  /** Label matchers for the ready-made queries, in place of their own. */
  readonly selector?: string | undefined;
  /** A user's own, in place of or beside the ready-made ones. */
  readonly queries?: OwnQueries | undefined;
  readonly instanceLabel?: string | undefined;
  /** Label of the requests that names the endpoint; absent: endpoints are not told apart. */
  readonly endpointLabel?: string | undefined;
  readonly latencyUnit?: 'seconds' | 'milliseconds' | undefined;
  /** What the ready-made queries ask for; default `classic`. */
  readonly histograms?: 'classic' | 'native' | undefined;
  /** What memory is a percentage of, MiB (1,048,576 bytes). */
  readonly memoryLimitMb?: number | undefined;
  readonly bearerToken?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Sent as `X-Scope-OrgID`, as Mimir wants it. */
  readonly tenant?: string | undefined;
  /** Between two steps of a question; as often as the service is scraped. */
  readonly resolutionMs?: number | undefined;
  /** The newest values are this old: those of a scrape arrive together, but not at once. */
  readonly settleMs?: number | undefined;
  /** An instance that was not scraped for this long is not known. */
  readonly staleAfterMs?: number | undefined;
  /** For each query of a check. */
  readonly timeoutMs?: number | undefined;
  /** A question waits this long for those of other products, with which it is asked as one. */
  readonly shareMs?: number | undefined;
  /** Of each answer, as sent and decompressed. */
  readonly maxBytes?: number | undefined;
}

/** Asks the HTTP API of Prometheus, or of what speaks it: Thanos, Mimir, VictoriaMetrics. */
export function createPrometheusSource(options: PrometheusOptions): MetricsSource {
  const settings = settingsOf(options);
  const access = { url: settings.url, headers: headersOf(options) };
  const shared = sharedPrometheus(access, options.shareMs ?? 200);
  const alone = createPrometheusApi(access);
  return {
    measure: (request) => measure(shared, settings, request),
    history: (request) => history(alone, settings, request),
  };
}

function settingsOf(options: PrometheusOptions): Settings {
  const own = Object.fromEntries(
    Object.entries(options.queries ?? {}).filter(([, query]) => query !== undefined),
  );
  const name = options.set ?? (options.queries?.requests === undefined ? 'prom-client' : null);
  const set = name === null ? null : querySets[name];
  const ready: Queries | undefined = set?.queries;
  const asked = ready !== undefined && options.histograms === 'native' ? ofNativeHistograms(ready) : ready;
  const queries = { ...asked, ...own } as Queries;
  const selector = options.selector ?? set?.selector ?? '';
  const instanceLabel = options.instanceLabel ?? 'instance';
  const endpointLabel = options.endpointLabel ?? null;
  const latencyUnit = options.latencyUnit ?? set?.latencyUnit ?? 'seconds';
  return {
    url: withoutCredentials(options.url),
    address: addressOf(options.url),
    queries,
    selector,
    instanceLabel,
    endpointLabel,
    latencyUnit,
    memoryLimitBytes: options.memoryLimitMb === undefined ? null : options.memoryLimitMb * 1_048_576,
    resolutionMs: options.resolutionMs ?? 15_000,
    settleMs: options.settleMs ?? 5_000,
    staleAfterMs: options.staleAfterMs ?? 120_000,
    timeoutMs: options.timeoutMs ?? 5_000,
    maxBytes: options.maxBytes ?? 32 * 1_048_576,
    format: cursorFormat('prometheus/1', { queries, selector, instanceLabel, endpointLabel, latencyUnit }),
  };
}

function headersOf({
  url,
  bearerToken,
  username,
  password,
  tenant,
}: PrometheusOptions): Record<string, string> {
  const inUrl = URL.canParse(url) ? new URL(url) : null;
  const user = username ?? decodeURIComponent(inUrl?.username ?? '');
  const secret = password ?? decodeURIComponent(inUrl?.password ?? '');
  return {
    ...(user === '' ? {} : { authorization: `Basic ${Buffer.from(`${user}:${secret}`).toString('base64')}` }),
    ...(bearerToken === undefined ? {} : { authorization: `Bearer ${bearerToken}` }),
    ...(tenant === undefined ? {} : { 'x-scope-orgid': tenant }),
  };
}

function withoutCredentials(text: string): string {
  if (!URL.canParse(text)) return text;
  const url = new URL(text);
  url.username = '';
  url.password = '';
  return url.href;
}

/** Fit for a sentence. */
function addressOf(text: string): string {
  if (!URL.canParse(text)) return 'the configured URL';
  const { origin, pathname } = new URL(text);
  return (origin + pathname).replace(/\/+$/, '');
}
