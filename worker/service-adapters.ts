import type { ServiceSetup } from '../activities/dependencies.ts';
import { createGitChanges } from '../adapters/changes/git-changes.ts';
import { createCommandTarget } from '../adapters/deploy-target/command.ts';
import type { DeployTarget } from '../adapters/deploy-target/deploy-target.ts';
import { createLocalProcessTarget } from '../adapters/deploy-target/local-process.ts';
import { createHttpProbe } from '../adapters/health/http-probe.ts';
import { createFileLogs } from '../adapters/logs/file-logs.ts';
import type { MetricsSource } from '../adapters/metrics/metrics-source.ts';
import { createPrometheusSource } from '../adapters/metrics/prometheus.ts';
import { createScrapeSource } from '../adapters/metrics/scrape.ts';
import { createProxyTraffic } from '../adapters/traffic/proxy.ts';
import type { ServiceSettings } from '../config/schema.ts';

/** Texts of the file with their variables put in, as they are or as absolute paths. */
export interface Written {
  text(written: string): string;
  path(written: string): string;
}

/** How one service is reached, by its part of the file. */
export function serviceAdapters(service: string, settings: ServiceSettings, written: Written): ServiceSetup {
  try {
    return {
      service,
      target: targetOf(service, settings.deploy_target, written),
      stepTimeoutMs: ms(settings.deploy_target.step_timeout_seconds),
      metrics: metricsOf(settings.metrics, written),
      probe: createHttpProbe({
        path: text(settings.health?.path, written),
        timeoutMs: ms(settings.health?.timeout_seconds),
      }),
      traffic: trafficOf(settings.traffic, written),
      logs:
        settings.logs === undefined ? null : createFileLogs({ paths: settings.logs.paths.map(written.path) }),
      changes: changesOf(settings.changes, written),
    };
  } catch (error) {
    return unusable(service, error as Error);
  }
}

/**
 * A worker that lacks a variable must still be able to alert and to serve the other services: the failure comes when
 * this service is used, with its reason. Metrics are then blind, which is not a breach.
 */
function unusable(service: string, cause: Error): ServiceSetup {
  const reason = `service ${service} cannot be reached from this worker: ${cause.message}`;
  const fail = () => Promise.reject(new Error(reason));
  return {
    service,
    target: { live: fail, restorable: fail, restore: fail, restart: fail },
    metrics: { measure: () => Promise.resolve({ kind: 'error', reason }) },
    probe: { probe: fail },
    traffic: { state: fail, stop: fail, resume: fail },
    logs: null,
    changes: null,
  };
}

function targetOf(
  service: string,
  settings: ServiceSettings['deploy_target'],
  written: Written,
): DeployTarget {
  const env = Object.fromEntries(
    Object.entries(settings.env ?? {}).map(([name, value]) => [name, written.text(value)]),
  );
  const texts = (list: readonly string[]) => list.map(written.text);
  switch (settings.kind) {
    case 'local-process': {
      const {
        root,
        command,
        instances = 1,
        base_port: basePort,
        stop_timeout_seconds: stopSeconds,
      } = settings;
      const local = { command: texts(command), instances, basePort, env, stopTimeoutMs: ms(stopSeconds) };
      return createLocalProcessTarget({ root: written.path(root), services: { [service]: local } });
    }
    case 'command':
      return createCommandTarget({
        live: texts(settings.live),
        restorable: texts(settings.restorable),
        restore: texts(settings.restore),
        restart: texts(settings.restart),
        cwd: written.path(settings.cwd ?? '.'),
        env,
        timeLimitMs: ms(settings.time_limit_seconds),
      });
  }
}

type MetricsSettings = NonNullable<ServiceSettings['metrics']>;
type ScrapeSettings = Extract<MetricsSettings, { readonly kind: 'scrape' }>;
type PrometheusSettings = Extract<MetricsSettings, { readonly kind: 'prometheus' }>;

function metricsOf(settings: ServiceSettings['metrics'], written: Written): MetricsSource {
  return settings?.kind === 'prometheus' ? prometheusOf(settings, written) : scrapeOf(settings, written);
}

function prometheusOf(settings: PrometheusSettings, written: Written): MetricsSource {
  const { queries } = settings;
  const own = (query: string | undefined) => text(query, written);
  return createPrometheusSource({
    url: written.text(settings.url),
    set: settings.set,
    selector: own(settings.selector),
    instanceLabel: own(settings.instance_label),
    endpointLabel: own(settings.endpoint_label),
    latencyUnit: settings.latency_unit,
    memoryLimitMb: settings.memory_limit_mb,
    bearerToken: own(settings.bearer_token),
    username: own(settings.username),
    password: own(settings.password),
    tenant: own(settings.tenant),
    resolutionMs: ms(settings.resolution_seconds),
    settleMs: ms(settings.settle_seconds),
    staleAfterMs: ms(settings.stale_after_seconds),
    timeoutMs: ms(settings.timeout_seconds),
    queries: {
      requests: own(queries?.requests),
      errors: own(queries?.errors),
      latency: own(queries?.latency),
      dbConnectionErrors: own(queries?.db_connection_errors),
      memoryBytes: own(queries?.memory_bytes),
      memoryPercent: own(queries?.memory_percent),
      cpuSeconds: own(queries?.cpu_seconds),
      startTime: own(queries?.start_time),
      affectedUsers: own(queries?.affected_users),
      newest: own(queries?.newest),
    },
  });
}

function scrapeOf(settings: ScrapeSettings | undefined, written: Written): MetricsSource {
  const names = settings?.names ?? {};
  const named = {
    requests: names.requests,
    errors: names.errors,
    latency: names.latency,
    dbConnectionErrors: names.db_connection_errors,
    memoryBytes: names.memory_bytes,
    memoryPercent: names.memory_percent,
    cpuSeconds: names.cpu_seconds,
    startTime: names.start_time,
    affectedUsers: names.affected_users,
    endpointLabel: names.endpoint_label,
  };
  return createScrapeSource({
    path: text(settings?.path, written),
    timeoutMs: ms(settings?.timeout_seconds),
    memoryLimitMb: settings?.memory_limit_mb,
    // A name left out keeps its default; `undefined` would hide it.
    names: Object.fromEntries(
      Object.entries(named).flatMap(([key, name]) => (name === undefined ? [] : [[key, written.text(name)]])),
    ),
  });
}

function trafficOf(settings: ServiceSettings['traffic'], written: Written) {
  if (settings === undefined) return null;
  return createProxyTraffic({
    controlUrl: written.text(settings.control_url),
    tokenFile: written.path(settings.token_file),
  });
}

function changesOf(settings: ServiceSettings['changes'], written: Written) {
  if (settings === undefined) return null;
  return createGitChanges({
    repository: written.path(settings.repository),
    refFor: text(settings.ref, written),
  });
}

function text(value: string | undefined, written: Written): string | undefined {
  return value === undefined ? undefined : written.text(value);
}

function ms(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : Math.round(seconds * 1_000);
}
