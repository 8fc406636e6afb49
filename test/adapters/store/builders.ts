import type { NewDeployment } from '../../../adapters/store/deployments.ts';
import type { Tick } from '../../../adapters/store/watches.ts';
import type { Incident } from '../../../domain/incident.ts';
import { noCounts } from '../../../domain/sample.ts';
import type { TimelineEntry } from '../../../domain/timeline.ts';
import { newWatch, type WatchState } from '../../../domain/watch.ts';

export const shop = { product: 'shop', environment: 'production' };

/** A deployment of v2, as a pipeline reports it. */
export function aDeployment(deployment: string, more: Partial<NewDeployment> = {}): NewDeployment {
  const services = [{ service: 'web', release: 'v2' }];
  return { ...shop, deployment, services, origin: 'reported', deployedAtMs: 1_000, ...more };
}

export function anIncident(id: string, more: Partial<Incident> = {}): Incident {
  return {
    ...shop,
    deployment: 'second',
    id,
    status: 'rolling_back',
    origin: 'automatic',
    reason: 'error rate 5.2/min',
    triggers: [],
    from: [{ service: 'web', release: 'v2' }],
    to: [{ service: 'web', release: 'v1' }],
    breachAtMs: 1_000,
    openedAtMs: 2_000,
    trafficStoppedAtMs: null,
    trafficResumedAtMs: null,
    endedAtMs: null,
    outcome: null,
    outcomeReason: null,
    attempts: 1,
    issue: null,
    rootCause: null,
    review: null,
    ...more,
  };
}

export function aTick(tickMs: number, more: Partial<Tick> = {}): Tick {
  const measured = { ...noCounts, requests: 10, regular: true, durationMs: 60_000, probes: [], missing: [] };
  return { service: 'web', kind: 'sample', sample: { ...measured, tick: tickMs, atMs: tickMs + 5 }, ...more };
}

/** The state of a watch whose newest tick is `tickMs`. */
export function aWatch(tickMs: number, more: Partial<WatchState> = {}): WatchState {
  const state = newWatch([{ service: 'web', release: 'v2', references: [] }]);
  return { ...state, lastTickMs: tickMs, lastAtMs: tickMs + 5, ...more };
}

export function anEntry(key: string, more: Partial<TimelineEntry> = {}): TimelineEntry {
  return {
    ...shop,
    deployment: 'second',
    key,
    atMs: 1_000,
    kind: 'step',
    text: key,
    incident: null,
    ...more,
  };
}
