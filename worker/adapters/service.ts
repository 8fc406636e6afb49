import type { ServiceSetup } from '../../activities/dependencies.ts';
import { createGitChanges } from '../../adapters/changes/git-changes.ts';
import { createCommandCompatibility } from '../../adapters/compatibility/command.ts';
import { createHttpProbe } from '../../adapters/health/http-probe.ts';
import { createFileLogs } from '../../adapters/logs/file-logs.ts';
import type { CompatibilitySettings } from '../../config/schema/compatibility.ts';
import type { ServiceSettings } from '../../config/schema/service.ts';
import { targetOf } from './deploy-target.ts';
import { metricsOf, type PushedReading, pushedOf } from './metrics-source.ts';
import { switchMsOf, trafficOf } from './traffic-control.ts';
import { ms, text, texts, type Written } from './written.ts';

/** What the file says of a service stands in. */
export interface Surroundings {
  readonly written: Written;
  readonly environment: string;
  /** What is pushed to the API; absent: there is no store. */
  readonly pushed?: PushedReading | undefined;
}

/** How one service is reached, by its part of the file. */
export function serviceAdapters(
  service: string,
  settings: ServiceSettings,
  { written, environment, pushed }: Surroundings,
): ServiceSetup {
  try {
    return {
      service,
      target: targetOf(service, settings.deploy_target, written),
      way: 'way' in settings.deploy_target ? settings.deploy_target.way : undefined,
      stepTimeoutMs: ms(settings.deploy_target.step_timeout_seconds),
      metrics: metricsOf(settings.metrics, written, pushed),
      pushed: pushedOf(settings.metrics, { service, environment }, written),
      probe: createHttpProbe({
        path: text(settings.health?.path, written),
        timeoutMs: ms(settings.health?.timeout_seconds),
      }),
      traffic: settings.traffic === undefined ? null : trafficOf(settings.traffic, written),
      switchMs: settings.traffic === undefined ? undefined : switchMsOf(settings.traffic),
      compatibility: compatibilityOf(settings.compatibility, written),
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

function changesOf(settings: ServiceSettings['changes'], written: Written) {
  if (settings === undefined) return null;
  return createGitChanges({
    repository: written.path(settings.repository),
    refFor: text(settings.ref, written),
  });
}

function compatibilityOf(settings: CompatibilitySettings | undefined, written: Written) {
  if (settings === undefined) return null;
  return createCommandCompatibility({
    command: settings.command.map(written.text),
    cwd: written.path(settings.cwd ?? '.'),
    env: texts(settings.env ?? {}, written),
    timeLimitMs: ms(settings.time_limit_seconds),
  });
}
