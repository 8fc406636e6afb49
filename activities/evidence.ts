import { Context } from '@temporalio/activity';
import type { ChangeSet } from '../domain/changes.ts';
import { releaseOf, type ServiceRelease } from '../domain/deployment.ts';
import type { Incident } from '../domain/incident.ts';
import type { Evidence } from '../domain/post-mortem.ts';
import type { Dependencies, ProductSetup } from './dependencies.ts';
import { ensureIncident } from './save-incident.ts';
import { messageOf } from './within.ts';

const logLines = 100;
/** Log lines of the minute before the breach often name its cause; those of the seconds after traffic stopped are its end. */
const beforeBreachMs = 60_000;
const afterStopMs = 5_000;

export function createEvidenceActivities({ store, catalog, clock }: Dependencies) {
  return {
    /** Collects logs and changes where the hosts can be reached, and keeps them with the incident. */
    async collectEvidence(incident: Incident): Promise<string> {
      const setup = await catalog.setup(incident);
      const untilMs = incident.endedAtMs ?? (await clock.now());
      const evidence: Evidence = {
        changes: await Promise.all(incident.from.map((release) => changesOf(setup, incident, release))),
        logs: await logsOf(setup, incident, untilMs),
      };
      await ensureIncident(store, incident);
      await store.incidents.saveEvidence(incident.id, evidence);
      const commits = evidence.changes.reduce((sum, { changes }) => sum + changes.length, 0);
      return `${evidence.logs.total} log lines, ${commits} changes`;
    },
  };
}

async function changesOf(
  setup: ProductSetup,
  incident: Incident,
  { service, release }: ServiceRelease,
): Promise<ChangeSet> {
  const to = releaseOf({ services: incident.to }, service);
  const source = setup.services.find((entry) => entry.service === service)?.changes ?? null;
  const empty = { from: to ?? 'unknown', to: release, changes: [], diff: '' };
  if (source === null) return { ...empty, problem: 'no source of changes is configured' };
  if (to === null)
    return { ...empty, problem: 'no release was rolled back to, so there is nothing to compare with' };
  const signal = Context.current().cancellationSignal;
  return source
    .between({ service, from: to, to: release, signal })
    .catch((error) => ({ ...empty, problem: messageOf(error) }));
}

async function logsOf(setup: ProductSetup, incident: Incident, untilMs: number): Promise<Evidence['logs']> {
  const sinceMs =
    Math.min(...incident.triggers.map((trigger) => trigger.sinceMs), incident.breachAtMs) - beforeBreachMs;
  const range = {
    sinceMs,
    untilMs: Math.min(untilMs, incident.trafficStoppedAtMs ?? untilMs) + afterStopMs,
    limit: logLines,
    signal: Context.current().cancellationSignal,
  };
  const excerpts = await Promise.all(
    incident.from.map(async ({ service, release }) => {
      const source = setup.services.find((entry) => entry.service === service)?.logs ?? null;
      if (source === null)
        return { lines: [], total: 0, reference: `no log source is configured for ${service}` };
      return source.excerpt({ ...range, service, release }).catch((error) => ({
        lines: [],
        total: 0,
        reference: `logs of ${service} could not be read: ${messageOf(error)}`,
      }));
    }),
  );
  return {
    // Each service gets its share: the first must not take all the lines.
    lines: excerpts.flatMap(({ lines }) => lines.slice(0, Math.ceil(logLines / excerpts.length))),
    total: excerpts.reduce((sum, excerpt) => sum + excerpt.total, 0),
    reference: excerpts.map((excerpt) => excerpt.reference).join('; '),
  };
}
