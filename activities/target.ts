import { setTimeout } from 'node:timers/promises';
import { ApplicationFailure, Context } from '@temporalio/activity';
import type { ServiceRelease } from '../domain/deployment.ts';
import type { DeploymentKey, ProductKey } from '../domain/identity.ts';
import { liveReleases, unexpectedRelease } from '../domain/live.ts';
import type { Policy } from '../domain/policy.ts';
import {
  alternatives,
  type HealthResult,
  type Move,
  type PreTrafficResult,
  type RollbackPlan,
  type ServicePlan,
  type StepResult,
  type TargetChoice,
} from '../domain/rollback.ts';
import { compareThen, type StepInput } from './compare-then.ts';
import type { Dependencies } from './dependencies.ts';
import { type HealthQuestion, healthOf, ofMove } from './health-of.ts';
import { look } from './look.ts';
import { serviceSetup } from './service-setup.ts';
import { findWayBack, recordedRecipes } from './way-back.ts';

/** Between the two looks that must both find a service healthy. */
const betweenLooksMs = 150;
/** Between the two measurements of a service that gets no traffic. */
const lookAgainMs = 500;

export function createTargetActivities({ store, catalog }: Dependencies) {
  return {
    /** Proves that the target can be reached, compares what is live, and finds a restorable release for each service. */
    async chooseTarget(
      key: DeploymentKey,
      plan: RollbackPlan,
      to: string | null,
      replaceable: ServiceRelease[],
    ): Promise<TargetChoice> {
      const moves: Move[] = [];
      for (const service of plan.services) {
        const live = await look(catalog, key, service.service);
        const ours = replaceable.filter((entry) => entry.service === service.service);
        const expected = [service.release, ...ours.map((entry) => entry.release)];
        const stranger = unexpectedRelease(live, expected);
        if (stranger !== null) return { kind: 'changed_outside', reason: stranger };
        const chosen = await chooseFor(key, service, to);
        if ('none' in chosen) return { kind: 'none', reason: chosen.none };
        moves.push({ ...chosen, replaceable: expected });
      }
      return { kind: 'chosen', moves };
    },

    /** The releases that are live, by service. */
    async readLive(key: ProductKey, services: string[]): Promise<Record<string, string[]>> {
      const entries = services.map(async (service) => [
        service,
        liveReleases(await look(catalog, key, service)),
      ]);
      return Object.fromEntries(await Promise.all(entries)) as Record<string, string[]>;
    },

    async restore(input: StepInput): Promise<StepResult> {
      return compareThen(catalog, input, async (step) => {
        const { service, to } = input.move;
        const { target } = serviceSetup(await catalog.setup(input.key), service);
        const recipe = await recordedRecipes(store, input.key, service)(to);
        await target.restore(service, to, { ...step, recipe });
        return `${input.move.service} is configured to run ${input.move.to}`;
      });
    },

    async restart(input: StepInput): Promise<StepResult> {
      return compareThen(catalog, input, async (step) => {
        const { target } = serviceSetup(await catalog.setup(input.key), input.move.service);
        await target.restart(input.move.service, step);
        return `${input.move.service} was restarted`;
      });
    },

    /**
     * Waits until every instance of every service runs its release and is healthy: polls by retry, so that the waiting is
     * the server's and a lost worker costs one look.
     */
    async waitHealthy(key: ProductKey, releases: HealthQuestion[], timeoutMs: number): Promise<HealthResult> {
      const { info, cancellationSignal } = Context.current();
      const sick = await twiceHealthy(key, releases, cancellationSignal);
      if (sick === null) return { kind: 'healthy', detail: 'Health checks: PASS' };
      if (info.currentAttemptScheduledTimestampMs - info.scheduledTimestampMs >= timeoutMs) {
        return { kind: 'unhealthy', reason: `not healthy after ${timeoutMs / 1000} s: ${sick}` };
      }
      throw ApplicationFailure.create({
        message: sick,
        type: 'NextLook',
        nextRetryDelay: '1s',
        category: 'BENIGN',
      });
    },

    /** Memory and connection errors of the restored release while nobody uses it. Blind metrics: health alone decides. */
    async checkBeforeTraffic(key: ProductKey, moves: Move[], policy: Policy): Promise<PreTrafficResult> {
      const { cancellationSignal } = Context.current();
      const setup = await catalog.setup(key);
      const sentences: string[] = [];
      let blind = false;
      let healthy = true;
      for (const move of moves) {
        const { service } = move;
        const sick = await healthOf(catalog, key, move, cancellationSignal);
        if (sick !== null) return { healthy: false, blind, reason: sick };
        const reach = serviceSetup(setup, service);
        const { instances } = ofMove(await reach.target.live(service, cancellationSignal), move);
        const request = { ...key, service, instances, signal: cancellationSignal };
        const first = await reach.metrics.measure({ ...request, cursor: null });
        if (first.kind !== 'measured') {
          blind = true;
          sentences.push(`${service}: blind before traffic (${first.reason}), health probes alone decide`);
          continue;
        }
        await setTimeout(lookAgainMs, undefined, { signal: cancellationSignal });
        const second = await reach.metrics.measure({ ...request, cursor: first.cursor });
        const counts = second.kind === 'measured' ? second.counts : first.counts;
        const memory = counts.memoryPercent;
        const { thresholdPercent } = policy.triggers.memory;
        const refused = counts.dbConnectionErrors ?? 0;
        if (memory !== null && memory > thresholdPercent) {
          healthy = false;
          sentences.push(
            `${service}: memory ${memory.toFixed(1)} % of its limit, threshold ${thresholdPercent} %`,
          );
        } else if (refused > 0) {
          healthy = false;
          sentences.push(`${service}: ${refused} database connection errors without any traffic`);
        } else {
          sentences.push(
            memory === null ? `${service}: no connection errors` : `Memory: ${memory.toFixed(0)}% (normal)`,
          );
        }
      }
      return { healthy, blind, reason: sentences.join('; ') };
    },
  };

  /** One good answer may be luck. */
  async function twiceHealthy(
    key: ProductKey,
    releases: readonly HealthQuestion[],
    signal: AbortSignal,
  ): Promise<string | null> {
    for (let round = 0; round < 2; round += 1) {
      if (round > 0) await setTimeout(betweenLooksMs, undefined, { signal });
      const seen = await Promise.all(releases.map((move) => healthOf(catalog, key, move, signal)));
      const sick = seen.filter((entry) => entry !== null);
      if (sick.length > 0) return sick.join('; ');
    }
    return null;
  }

  async function chooseFor(
    key: ProductKey,
    plan: ServicePlan,
    to: string | null,
  ): Promise<Omit<Move, 'replaceable'> | { none: string }> {
    const found = await findWayBack({
      reach: serviceSetup(await catalog.setup(key), plan.service),
      plan,
      candidates: to === null ? plan.candidates : allowed(plan, to),
      recipeOf: recordedRecipes(store, key, plan.service),
      signal: Context.current().cancellationSignal,
    });
    if (found.kind === 'found')
      return {
        service: plan.service,
        from: plan.release,
        to: found.release,
        reason: found.reason,
        ...(plan.way === undefined ? {} : { way: plan.way }),
      };
    const rejected = [
      ...plan.rejected.map(({ release, reason }) => `${release}: ${reason}`),
      ...found.passedOver,
    ];
    const why = rejected.length === 0 ? 'no other release is known' : rejected.join('; ');
    const what = to === null ? 'there is no last known good release' : `${to} cannot be the target`;
    const instead = plan.barred?.length ? `. ${alternatives(plan)}` : '';
    return { none: `${what} of ${plan.service} (${why})${instead}` };
  }
}

/** A person's choice: neither quarantined nor held, nor below the floor; short service is no obstacle. */
function allowed(plan: ServicePlan, to: string): ServicePlan['candidates'] {
  const candidate = plan.candidates.find((entry) => entry.release === to);
  if (candidate !== undefined) return [candidate];
  if (plan.barred?.includes(to) === true) return [];
  if (to === plan.release) return [];
  return [{ release: to, reason: 'chosen by a person' }];
}
