import { Context } from '@temporalio/activity';
import { asReference } from '../domain/baseline.ts';
import { releaseOf, type ServiceRelease } from '../domain/deployment.ts';
import type { Reference } from '../domain/detection/reference.ts';
import type { DeploymentKey } from '../domain/identity.ts';
import type { Policy } from '../domain/policy.ts';
import type { Move, VerificationResult } from '../domain/rollback.ts';
import { judgeVerification } from '../domain/verification.ts';
import { advanceWatch, newWatch, type WatchState } from '../domain/watch.ts';
import type { Dependencies, ProductSetup } from './dependencies.ts';
import { type Look, lookAt, strangersIn } from './look-at.ts';
import { serviceSetup } from './service-setup.ts';
import { within } from './within.ts';

export interface VerifyInput {
  readonly key: DeploymentKey;
  readonly moves: readonly Move[];
  /** When traffic was resumed, milliseconds since the epoch. */
  readonly sinceMs: number;
  /** The one the rollback began with. */
  readonly policy: Policy;
}

export interface VerificationLook {
  readonly state: WatchState;
  /** `null`: look again in `nextLookMs`. */
  readonly result: VerificationResult | null;
  readonly nextLookMs: number;
}

export function createVerifyActivities({ store, catalog, clock }: Dependencies) {
  return {
    /**
     * One look at the restored release under traffic, compared with its own earlier behaviour. The state travels through the
     * workflow, so that verification needs no store and any worker takes the next look.
     */
    async verifyUnderTraffic(input: VerifyInput, earlier: WatchState | null): Promise<VerificationLook> {
      const setup = await catalog.setup(input.key);
      const { monitoring, rollback } = input.policy;
      const nextLookMs = Math.min(monitoring.checkIntervalMs, monitoring.suspectIntervalMs);
      const before = earlier ?? newWatch(await references(input));
      const looks = await look(input, setup, before);
      const stranger = strangersIn(looks, releasesOf(input));
      if (stranger !== null) {
        const result = { kind: 'unconfirmed' as const, reason: `not yet confirmed: ${stranger}` };
        return { state: before, result, nextLookMs };
      }
      const state = await advance(input, before, looks);
      const overdue = (state.lastAtMs ?? 0) + nextLookMs > input.sinceMs + rollback.verifyMs;
      return { state, result: judgeVerification(state, input.policy, overdue), nextLookMs };
    },
  };

  async function look(input: VerifyInput, setup: ProductSetup, state: WatchState): Promise<Look[]> {
    const signal = Context.current().cancellationSignal;
    return Promise.all(
      input.moves.map(({ service, to: release }) => {
        const { cursor = null } = state.services.find((entry) => entry.service === service) ?? {};
        return lookAt(serviceSetup(setup, service), { key: input.key, release, cursor, signal });
      }),
    );
  }

  async function advance(
    { policy, sinceMs }: VerifyInput,
    state: WatchState,
    looks: readonly Look[],
  ): Promise<WatchState> {
    const atMs = await clock.now();
    const services = looks.map(({ observation }) => observation);
    const seen = { tickMs: atMs, regular: true, gap: false, atMs, services, unexpected: null };
    // Health counts from the first check here, there is no warm-up: the release was healthy before traffic came.
    const deployedAtMs = sinceMs - policy.monitoring.warmUpMs - policy.monitoring.baselineWindowMs;
    const question = 'verification' as const;
    return advanceWatch(state, seen, { policy, deployedAtMs, mayAct: false, reported: {}, question }).state;
  }

  async function references(input: VerifyInput) {
    const found = await within(5_000, 'the store', () => readReferences(input)).catch(
      () => new Map<string, Reference[]>(),
    );
    return input.moves.map(({ service, to }) => ({
      service,
      release: to,
      references: found.get(service) ?? [],
    }));
  }

  /** The restored release's own earlier behaviour, newest deployment first. */
  async function readReferences(input: VerifyInput): Promise<Map<string, Reference[]>> {
    const history = await store.deployments.list({ ...input.key, limit: 100 });
    const found = new Map<string, Reference[]>();
    for (const { service, to } of input.moves) {
      for (const deployment of history) {
        if (releaseOf(deployment, service) !== to || found.has(service)) continue;
        const totals = (await store.watches.read(deployment))?.services.find(
          (entry) => entry.service === service,
        )?.good;
        if (totals !== undefined && totals.requests > 0)
          found.set(service, [asReference(totals, 'last_known_good', to)]);
      }
    }
    return found;
  }
}

function releasesOf({ moves }: VerifyInput): ServiceRelease[] {
  return moves.map(({ service, to }) => ({ service, release: to }));
}
