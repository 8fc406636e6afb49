import type { Store } from '../adapters/store/store.ts';
import type { ServiceRelease } from '../domain/deployment.ts';
import type { DeploymentKey } from '../domain/identity.ts';
import type { Incident } from '../domain/incident.ts';
import { beginRollback, type ProductRow } from '../domain/product-row.ts';
import type { RollbackPlan, RollbackRequest } from '../domain/rollback.ts';
import type { Dependencies } from './dependencies.ts';
import { readRollbackPlan } from './rollback-plan.ts';
import { messageOf, within } from './within.ts';

export interface BeginRollbackInput {
  readonly key: DeploymentKey;
  readonly services: readonly ServiceRelease[];
  readonly rollbackId: string;
  readonly request: RollbackRequest;
  /** What the monitor knew; used when the store does not answer. */
  readonly plan: RollbackPlan | null;
}

export type Beginning =
  | {
      readonly kind: 'begun';
      readonly plan: RollbackPlan;
      /** The store's error when the row could not be taken: then the workflow's id alone is the lock. */
      readonly storeProblem: string | null;
      readonly atMs: number;
    }
  | { readonly kind: 'refused'; readonly reason: string };

/** Writes the rollback's part of an incident; what the post-mortem and its review wrote is kept. */
export async function saveIncident(store: Store, incident: Incident): Promise<void> {
  const known = await store.incidents.change(incident.id, (found) => ({
    ...incident,
    status: found.status === 'reviewed' ? 'reviewed' : incident.status,
    issue: found.issue ?? incident.issue,
    rootCause: found.rootCause ?? incident.rootCause,
    review: found.review ?? incident.review,
  }));
  if (known === null) await store.incidents.save(incident);
}

/** How long the row may take to answer before the workflow's id alone is the lock. */
const rowPatienceMs = 2_000;

export function createBeginRollbackActivities({ store, catalog, clock }: Dependencies) {
  return {
    /** Takes the product row for this rollback and reads where it may go. Repeating it changes nothing. */
    async beginRollback(input: BeginRollbackInput): Promise<Beginning> {
      const setup = await catalog.setup(input.key);
      const atMs = await clock.now();
      try {
        const refusal = await within(rowPatienceMs, 'the store', () => takeRow(input, atMs));
        if (refusal !== null) return { kind: 'refused', reason: refusal };
        const plan = await within(rowPatienceMs, 'the store', () => readRollbackPlan(store, setup, input));
        return { kind: 'begun', plan, storeProblem: null, atMs };
      } catch (error) {
        if (input.plan === null) throw error;
        return { kind: 'begun', plan: input.plan, storeProblem: messageOf(error), atMs };
      }
    },

    /** Takes the row afterwards, when the store answers again: says who holds it if it is not ours. */
    async reconcileRow(input: BeginRollbackInput): Promise<string | null> {
      return takeRow(input, await clock.now());
    },

    async saveIncident(incident: Incident): Promise<void> {
      await saveIncident(store, incident);
    },

    /** What the rollback compares with before it acts: who holds the row, and which deployment waits to take over. */
    async readTakeOver(key: DeploymentKey): Promise<{ row: ProductRow; waiting: WaitingDeployment | null }> {
      const row = await store.products.read(key);
      const [newest] = await store.deployments.list({ ...key, status: 'waiting', limit: 1 });
      const waiting = newest ? { deployment: newest.deployment, services: newest.services } : null;
      return { row, waiting };
    },
  };

  async function takeRow(input: BeginRollbackInput, atMs: number): Promise<string | null> {
    let refusal: string | null = null;
    await store.products.change(input.key, (row) => {
      const beginning = beginRollback(row, {
        id: input.rollbackId,
        deployment: input.key.deployment,
        sinceMs: row.rollback?.sinceMs ?? atMs,
      });
      refusal = beginning.kind === 'refused' ? beginning.reason : null;
      return beginning.kind === 'begun' ? beginning.row : null;
    });
    return refusal;
  }
}

export interface WaitingDeployment {
  readonly deployment: string;
  readonly services: readonly ServiceRelease[];
}
