import { randomUUID } from 'node:crypto';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProductSetup, ServiceSetup } from '../../activities/dependencies.ts';
import { readRollbackPlan } from '../../activities/rollback-plan.ts';
import type { Deployment } from '../../domain/deployment.ts';
import { defaultEnvironment, type ProductKey, productName } from '../../domain/identity.ts';
import type { Incident } from '../../domain/incident.ts';
import { unexpectedRelease } from '../../domain/live.ts';
import { beginRollback } from '../../domain/product-row.ts';
import type { Move, ServicePlan } from '../../domain/rollback.ts';
import type { Scope } from '../rollback-client.ts';
import { type CommonOptions, print, whoAmI } from './context.ts';
import { CommandFailure, exitCode } from './exit-codes.ts';
import { openSystem, type System } from './system.ts';

interface Wanted {
  readonly reason: string;
  readonly to: string | null;
  readonly force: boolean;
}

/**
 * Rolls back from this terminal, without Temporal: takes the product's row as `direct/<id>`, compares before it acts as
 * always, and writes a journal that becomes incident, deployment and monitor when `orchestrator up` runs again.
 */
export async function rollBackDirectly(scope: Scope, wanted: Wanted, options: CommonOptions): Promise<void> {
  const system = await openSystem(options, 'own');
  try {
    const key = { product: scope.product, environment: scope.environment ?? defaultEnvironment };
    const direct = await createDirect(system, key, wanted);
    const result = await direct.run();
    print(options, result, `${productName(key)}: ${result.reason}`);
  } finally {
    await system.close();
  }
}

async function createDirect(system: System, key: ProductKey, wanted: Wanted) {
  const { store, catalog, folder } = system;
  const setup = await catalog.setup(key);
  const id = `direct/${randomUUID().slice(0, 8)}`;
  const signal = new AbortController().signal;
  const by = whoAmI();

  return { run };

  async function run(): Promise<{ id: string; reason: string }> {
    const deployment = await current();
    const plan = await readRollbackPlan(store, setup, { key: deployment, services: deployment.services });
    const moves: Move[] = [];
    // Before the row is taken: where there is nothing to go back to, nothing may stay held.
    for (const service of plan.services) moves.push(await choose(setup, service));
    await takeRow(deployment);
    try {
      const startedAtMs = Date.now();
      await step('Maintenance mode ON', () =>
        eachTraffic(moves, (reach, move) =>
          reach.traffic?.stop(move.service, {
            reason: wanted.reason,
            retryAfterSeconds: setup.policy.rollback.retryAfterSeconds,
            signal,
          }),
        ),
      );
      const stoppedAtMs = Date.now();
      for (const move of moves) {
        const reach = reachOf(setup, move.service);
        await compare(reach, move);
        const context = { signal, key: id, heartbeat: () => undefined };
        await step(`Rollback of ${move.service} to ${move.to} (${move.reason})`, () =>
          reach.target.restore(move.service, move.to, context),
        );
        await step(`${move.service} restarted`, () => reach.target.restart(move.service, context));
      }
      await step('Health checks: PASS', () => waitHealthy(moves));
      await step('Maintenance mode OFF', () => resumeAll(moves));
      await conclude(deployment, moves, { startedAtMs, stoppedAtMs });
      return {
        id,
        reason: `rolled back to ${moves.map((move) => move.to).join(', ')}; watch it, nobody verifies it under traffic while Temporal is down`,
      };
    } catch (error) {
      await note(
        `Failed: ${error instanceof Error ? error.message : String(error)}; the row stays taken by ${id}, traffic stays as it is`,
      );
      throw error;
    }
  }

  async function current(): Promise<Deployment> {
    const { currentDeployment } = await store.products.read(key);
    const found =
      currentDeployment === null
        ? null
        : await store.deployments.read({ ...key, deployment: currentDeployment });
    if (found === null)
      throw new CommandFailure(exitCode.notFound, `no deployment of ${productName(key)} is known`);
    return found;
  }

  async function takeRow(deployment: Deployment): Promise<void> {
    let refusal: string | null = null;
    await store.products.change(key, (row) => {
      const free = wanted.force ? { ...row, rollback: null } : row;
      const beginning = beginRollback(free, { id, deployment: deployment.deployment, sinceMs: Date.now() });
      refusal = beginning.kind === 'refused' ? beginning.reason : null;
      return beginning.kind === 'begun' ? beginning.row : null;
    });
    if (refusal !== null) throw new CommandFailure(exitCode.failure, `${refusal}; --force takes it over`);
    await note(`${by} rolls back by hand: ${wanted.reason}`);
  }

  async function choose(product: ProductSetup, plan: ServicePlan): Promise<Move> {
    const { target } = reachOf(product, plan.service);
    const candidates =
      wanted.to === null ? plan.candidates : [{ release: wanted.to, reason: `chosen by ${by}` }];
    for (const candidate of candidates) {
      const { restorable } = await target.restorable(plan.service, candidate.release, signal);
      if (restorable)
        return {
          service: plan.service,
          from: plan.release,
          to: candidate.release,
          reason: candidate.reason,
          replaceable: [],
        };
    }
    throw new CommandFailure(exitCode.failure, `there is no restorable release for ${plan.service}`);
  }

  async function compare(reach: ServiceSetup, move: Move): Promise<void> {
    const stranger = unexpectedRelease(await reach.target.live(move.service, signal), [move.from, move.to]);
    if (stranger !== null)
      throw new CommandFailure(exitCode.failure, `somebody else changed ${move.service}: ${stranger}`);
  }

  async function eachTraffic(
    moves: readonly Move[],
    act: (reach: ServiceSetup, move: Move) => Promise<void> | undefined,
  ): Promise<void> {
    for (const move of moves) await act(reachOf(setup, move.service), move);
  }

  async function resumeAll(moves: readonly Move[]): Promise<void> {
    await eachTraffic(moves, async (reach, move) => {
      const { instances } = await reach.target.live(move.service, signal);
      await reach.traffic?.resume(move.service, { release: move.to, instances, signal });
    });
  }

  async function waitHealthy(moves: readonly Move[]): Promise<void> {
    const endMs = Date.now() + setup.policy.rollback.healthCheckTimeoutMs;
    for (;;) {
      const probes = await Promise.all(
        moves.map(async (move) => {
          const reach = reachOf(setup, move.service);
          return reach.probe.probe((await reach.target.live(move.service, signal)).instances, signal);
        }),
      );
      const sick = probes.flat().filter((probe) => !probe.healthy);
      if (sick.length === 0) return;
      if (Date.now() > endMs)
        throw new CommandFailure(
          exitCode.failure,
          `not healthy: ${sick.map((probe) => `${probe.instance} ${probe.detail}`).join(', ')}`,
        );
      await sleep(1_000);
    }
  }

  async function conclude(
    deployment: Deployment,
    moves: readonly Move[],
    times: { startedAtMs: number; stoppedAtMs: number },
  ): Promise<void> {
    const atMs = Date.now();
    const incident: Incident = {
      ...key,
      deployment: deployment.deployment,
      id: `inc-${id.replace('/', '-')}`,
      status: 'open',
      origin: 'direct',
      reason: `${by}: ${wanted.reason}`,
      triggers: [],
      from: deployment.services,
      to: moves.map((move) => ({ service: move.service, release: move.to })).reverse(),
      breachAtMs: times.startedAtMs,
      openedAtMs: times.startedAtMs,
      trafficStoppedAtMs: times.stoppedAtMs,
      trafficResumedAtMs: atMs,
      endedAtMs: atMs,
      outcome: 'rolled_back',
      outcomeReason: 'rolled back by hand, without Temporal; not verified under traffic',
      attempts: 1,
      issue: null,
      rootCause: null,
      review: null,
    };
    await store.incidents.save(incident);
    for (const { service, release } of deployment.services) {
      await store.releases.set(key, {
        service,
        release,
        standing: 'held',
        author: by,
        reason: wanted.reason,
        atMs,
      });
    }
    await store.deployments.concludeRollback({
      key: deployment,
      rollback: id,
      outcome: 'rolled_back',
      reason: incident.outcomeReason as string,
      atMs,
      restored: {
        ...key,
        deployment: `rollback-${id.replace('/', '-')}`,
        services: incident.to,
        origin: 'rollback',
        deployedAtMs: atMs,
      },
    });
  }

  async function step(text: string, act: () => Promise<void>): Promise<void> {
    await act();
    await note(text);
  }

  /** To the terminal, the journal file and, where it answers, the store. */
  async function note(text: string): Promise<void> {
    const atMs = Date.now();
    process.stderr.write(`${new Date(atMs).toISOString().slice(11, 19)} - ${text}\n`);
    await appendFile(join(folder, 'direct-journal.jsonl'), `${JSON.stringify({ id, atMs, text })}\n`);
    const { currentDeployment } = await store.products.read(key);
    const entry = { ...key, deployment: currentDeployment ?? 'none', incident: null, kind: 'step' as const };
    await store.timeline.append([{ ...entry, key: `${id}/${randomUUID()}`, atMs, text }]);
  }
}

function reachOf(setup: ProductSetup, service: string): ServiceSetup {
  const found = setup.services.find((entry) => entry.service === service);
  if (found === undefined) throw new CommandFailure(exitCode.usage, `service ${service} is not configured`);
  return found;
}
