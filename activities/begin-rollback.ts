import { ApplicationFailure, Context } from '@temporalio/activity';
import type { ServiceRelease } from '../domain/deployment.ts';
import type { DeploymentKey } from '../domain/identity.ts';
import type { Incident } from '../domain/incident.ts';
import { beginRollback, isDirect } from '../domain/product-row.ts';
import { type RollbackPlan, type RollbackRequest, refusedTarget } from '../domain/rollback.ts';
import type { Dependencies } from './dependencies.ts';
import { readRollbackPlan } from './rollback-plan.ts';
import { saveIncident } from './save-incident.ts';
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
      /** A rollback that the row named although it does not run: its workflow id is ours. */
      readonly staleHolder: string | null;
      readonly atMs: number;
    }
  | { readonly kind: 'refused'; readonly reason: string };

/** How long the row may take to answer before the workflow's id alone is the lock. */
const rowPatienceMs = 2_000;

export function createBeginRollbackActivities({ store, catalog, clock }: Dependencies) {
  return {
    /** Takes the product row for this rollback and reads where it may go. Repeating it changes nothing. */
    async beginRollback(input: BeginRollbackInput): Promise<Beginning> {
      const setup = await catalog.setup(input.key);
      const atMs = await clock.now();
      try {
        const plan = await within(rowPatienceMs, 'the store', () => readRollbackPlan(store, setup, input));
        const refused = refusedTarget(plan, input.request.to);
        if (refused !== null) return { kind: 'refused', reason: refused };
        const { refusal, staleHolder } = await within(rowPatienceMs, 'the store', () => takeRow(input, atMs));
        if (refusal !== null) return { kind: 'refused', reason: refusal };
        return { kind: 'begun', plan, storeProblem: null, staleHolder, atMs };
      } catch (error) {
        if (input.plan === null) throw error;
        const refused = refusedTarget(input.plan, input.request.to);
        if (refused !== null) return { kind: 'refused', reason: refused };
        return { kind: 'begun', plan: input.plan, storeProblem: messageOf(error), staleHolder: null, atMs };
      }
    },

    /** Takes the row afterwards, when the store answers again: says who holds it if it is not ours. */
    async reconcileRow(input: BeginRollbackInput): Promise<string | null> {
      return (await takeRow(input, await clock.now())).refusal;
    },

    async saveIncident(incident: Incident): Promise<void> {
      await saveIncident(store, incident);
    },

    /**
     * Polls by retry until somebody else acts: a deployment that waits to take over, or a person who rolls back by hand and
     * holds the row. A store that is down says nothing of either.
     */
    async awaitOthers(key: DeploymentKey, ignore: string[]): Promise<Others> {
      const others = await within(rowPatienceMs, 'the store', () => readOthers(key, ignore)).catch(
        () => null,
      );
      if (others !== null && (others.waiting !== null || others.direct !== null)) return others;
      throw ApplicationFailure.create({
        message: others === null ? 'the store does not answer' : 'nobody else acts',
        type: 'NextLook',
        nextRetryDelay: Math.min(firstLookMs * 1.5 ** (Context.current().info.attempt - 1), slowestLookMs),
        category: 'BENIGN',
      });
    },
  };

  async function readOthers(key: DeploymentKey, ignore: readonly string[]): Promise<Others> {
    const { rollback } = await store.products.read(key);
    const { product, environment } = key;
    const waiting = await store.deployments.list({ product, environment, status: 'waiting', limit: 10 });
    const [newest] = waiting.filter(({ deployment }) => !ignore.includes(deployment));
    return {
      waiting: newest ? { deployment: newest.deployment, services: newest.services } : null,
      direct: rollback !== null && isDirect(rollback.id) ? rollback.id : null,
    };
  }

  async function takeRow(
    input: BeginRollbackInput,
    atMs: number,
  ): Promise<{ refusal: string | null; staleHolder: string | null }> {
    let refusal: string | null = null;
    let staleHolder: string | null = null;
    await store.products.change(input.key, (row) => {
      const held = row.rollback;
      // This very workflow runs, and there is one of its id: whatever else the row names does not run any more.
      staleHolder = held === null || held.id === input.rollbackId || isDirect(held.id) ? null : held.id;
      const beginning = beginRollback(staleHolder === null ? row : { ...row, rollback: null }, {
        id: input.rollbackId,
        deployment: input.key.deployment,
        sinceMs: staleHolder === null ? (held?.sinceMs ?? atMs) : atMs,
      });
      refusal = beginning.kind === 'refused' ? beginning.reason : null;
      return beginning.kind === 'begun' ? beginning.row : null;
    });
    return { refusal, staleHolder };
  }
}

const firstLookMs = 5_000;
const slowestLookMs = 60_000;

/** Who acts besides a rollback workflow. */
export interface Others {
  readonly waiting: WaitingDeployment | null;
  /** `direct/<id>` of a rollback by hand. */
  readonly direct: string | null;
}

export interface WaitingDeployment {
  readonly deployment: string;
  readonly services: readonly ServiceRelease[];
}
