import type { Incident } from '../domain/incident.ts';
import { records } from './activities.ts';
import type { RollbackInput } from './messages.ts';

/** The incident as the rollback knows it; saved beside the steps, the newest state wins. */
export function createIncidentDraft(input: RollbackInput, id: string) {
  let incident: Incident = {
    ...input.key,
    id,
    status: 'rolling_back',
    origin: input.request.origin,
    reason: input.request.reason,
    triggers: input.request.triggers,
    from: input.services,
    to: [],
    breachAtMs: input.request.breachAtMs,
    openedAtMs: Date.now(),
    trafficStoppedAtMs: null,
    trafficResumedAtMs: null,
    endedAtMs: null,
    outcome: null,
    outcomeReason: null,
    attempts: 0,
    issue: null,
    rootCause: null,
    review: null,
  };
  let dirty = false;
  let saving = false;

  async function write(): Promise<void> {
    saving = true;
    try {
      while (dirty) {
        dirty = false;
        await records.saveIncident(incident);
      }
    } finally {
      saving = false;
    }
  }

  return {
    get incident(): Incident {
      return incident;
    },
    resume(earlier: Incident): void {
      incident = earlier;
    },
    /** Changes without writing; `save` or the conclusion writes. */
    set(change: Partial<Incident>): void {
      incident = { ...incident, ...change };
    },
    save(change: Partial<Incident>): void {
      incident = { ...incident, ...change };
      dirty = true;
      if (!saving) void write().catch(() => undefined);
    },
  };
}

export type IncidentDraft = ReturnType<typeof createIncidentDraft>;
