import { ApplicationFailure, Context } from '@temporalio/activity';
import { asReference } from '../domain/baseline.ts';
import { releaseOf } from '../domain/deployment.ts';
import type { Reference } from '../domain/detection/reference.ts';
import type { DeploymentKey } from '../domain/identity.ts';
import type { Move, VerificationResult } from '../domain/rollback.ts';
import { judgeVerification } from '../domain/verification.ts';
import { advanceWatch, newWatch, type ServiceObservation, type WatchState } from '../domain/watch.ts';
import type { Dependencies, ProductSetup } from './dependencies.ts';
import { serviceSetup } from './service-setup.ts';
import { messageOf, within } from './within.ts';

export interface VerifyInput {
  readonly key: DeploymentKey;
  readonly moves: readonly Move[];
  /** When traffic was resumed, milliseconds since the epoch. */
  readonly sinceMs: number;
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
      const { checkIntervalMs, suspectIntervalMs } = setup.policy.monitoring;
      const intervalMs = Math.min(checkIntervalMs, suspectIntervalMs);
      const state = await look(input, setup, earlier ?? newWatch(await references(input)));
      const overdue = (state.lastAtMs ?? 0) + intervalMs > input.sinceMs + setup.policy.rollback.verifyMs;
      return { state, result: judgeVerification(state, setup.policy, overdue), nextLookMs: intervalMs };
    },
  };

  async function look(input: VerifyInput, setup: ProductSetup, state: WatchState): Promise<WatchState> {
    const { cancellationSignal } = Context.current();
    const services = await Promise.all(
      input.moves.map(async ({ service }): Promise<ServiceObservation> => {
        const reach = serviceSetup(setup, service);
        try {
          const live = await reach.target.live(service, cancellationSignal);
          const cursor = (state.services.find((entry) => entry.service === service)?.cursor ?? null) as never;
          const request = {
            ...input.key,
            service,
            instances: live.instances,
            cursor,
            signal: cancellationSignal,
          };
          const [probes, measurement] = await Promise.all([
            reach.probe.probe(live.instances, cancellationSignal),
            reach.metrics.measure(request),
          ]);
          if (measurement.kind !== 'measured')
            return { service, probes, measured: { kind: 'blind', reason: measurement.reason } };
          const { counts, missing } = measurement;
          return {
            service,
            probes,
            measured: { kind: 'counts', counts, cursor: measurement.cursor, missing },
          };
        } catch (error) {
          if (cancellationSignal.aborted) throw ApplicationFailure.retryable('cancelled', 'Cancelled');
          return { service, probes: [], measured: { kind: 'blind', reason: messageOf(error) } };
        }
      }),
    );
    const atMs = await clock.now();
    const seen = { tickMs: atMs, regular: true, gap: false, atMs, services, unexpected: null };
    // Health counts from the first check here, there is no warm-up: the release was healthy before traffic came.
    const deployedAtMs =
      input.sinceMs - setup.policy.monitoring.warmUpMs - setup.policy.monitoring.baselineWindowMs;
    return advanceWatch(state, seen, { policy: setup.policy, deployedAtMs, mayAct: false, reported: {} })
      .state;
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
