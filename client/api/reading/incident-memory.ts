import { setImmediate } from 'node:timers/promises';
import type { Store } from '../../../adapters/store/store.ts';
import type { Incident } from '../../../domain/incident.ts';
import { type Remembered, remember } from '../../../domain/lessons.ts';
import type { IncidentReport } from '../../../domain/post-mortem.ts';

/** The newest of these are remembered. */
const most = 2_000;
/** What was read within this time is not looked for again. */
const freshMs = 2_000;
/** A report that has not come by then does not come. */
const reportMs = 24 * 3_600_000;

interface Kept {
  readonly mark: string;
  readonly remembered: Remembered;
}

export type IncidentMemory = () => Promise<Remembered[]>;

/** So many reports are read before others have a turn: SQLite answers at once, and a thousand reports are a second. */
const atOnce = 10;

/**
 * What is known of past incidents, newest first, their words counted. Each report is read once, and again when its incident has changed:
 * a thousand of them are megabytes.
 */
export function createIncidentMemory({ incidents }: Pick<Store, 'incidents'>): IncidentMemory {
  let kept = new Map<string, Kept>();
  let readAtMs = 0;
  let reading: Promise<void> | null = null;

  return async function recall(): Promise<Remembered[]> {
    if (Date.now() - readAtMs > freshMs) {
      reading ??= read().finally(() => {
        reading = null;
      });
      await reading;
    }
    return [...kept.values()].map(({ remembered }) => remembered);
  };

  async function read(): Promise<void> {
    const now = new Map<string, Kept>();
    let count = 0;
    for (const incident of await incidents.list({ limit: most })) {
      const mark = markOf(incident);
      const known = kept.get(incident.id);
      if (known?.mark === mark) {
        now.set(incident.id, known);
        continue;
      }
      now.set(incident.id, await readOne(incident, mark));
      count += 1;
      if (count % atOnce === 0) await setImmediate();
    }
    kept = now;
    readAtMs = Date.now();
  }

  async function readOne(incident: Incident, mark: string): Promise<Kept> {
    const report = (await incidents.readReport(incident.id)) as IncidentReport | null;
    const isFinal = report !== null || Date.now() - incident.openedAtMs > reportMs;
    return { mark: isFinal ? mark : '', remembered: remember(incident, report) };
  }
}

/** Changes with everything that is said of an incident. */
function markOf({ status, outcome, outcomeReason, rootCause, endedAtMs, review, to }: Incident): string {
  return JSON.stringify([status, outcome, outcomeReason, rootCause, endedAtMs, review?.atMs, to]);
}
