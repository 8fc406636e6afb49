import type { Store } from '../adapters/store/store.ts';
import type { Incident } from '../domain/incident.ts';

/**
 * Writes the rollback's part of an incident; what the post-mortem and its review wrote is kept. An end is never taken back: saving
 * goes on beside the steps, and what was on its way then may arrive after the conclusion.
 */
export async function saveIncident(store: Store, incident: Incident): Promise<void> {
  const known = await store.incidents.change(incident.id, (found) =>
    found.outcome !== null && incident.outcome === null ? found : merged(found, incident),
  );
  if (known === null) await store.incidents.save(incident);
}

/** For the post-mortem: the rollback writes the incident beside its steps and may not have come to it yet; else it knows better. */
export async function ensureIncident(store: Store, incident: Incident): Promise<void> {
  if ((await store.incidents.read(incident.id)) === null) await saveIncident(store, incident);
}

function merged(found: Incident, incident: Incident): Incident {
  const { issueUrl = incident.issueUrl } = found;
  return {
    ...incident,
    status: found.status === 'reviewed' ? 'reviewed' : incident.status,
    issue: found.issue ?? incident.issue,
    ...(issueUrl === undefined ? {} : { issueUrl }),
    rootCause: found.rootCause ?? incident.rootCause,
    review: found.review ?? incident.review,
  };
}
