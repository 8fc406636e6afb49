import { randomUUID } from 'node:crypto';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProductSetup, ServiceSetup } from '../../activities/dependencies.ts';
import { probesOf } from '../../activities/look-at.ts';
import { readRollbackPlan } from '../../activities/rollback-plan.ts';
import { findWayBack, recordedRecipes } from '../../activities/way-back.ts';
import type { Deployment } from '../../domain/deployment.ts';
import { defaultEnvironment, type ProductKey, productName } from '../../domain/identity.ts';
import type { Incident } from '../../domain/incident.ts';
import { unexpectedRelease } from '../../domain/live.ts';
import { beginRollback } from '../../domain/product-row.ts';
import { type Move, refusedTarget, type ServicePlan } from '../../domain/rollback.ts';
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
    const result = await direct.run().catch(async (error: unknown) => {
      await writeDown(system, key, wanted, { status: 409, answer: String(error) });
      throw error;
    });
    await writeDown(system, key, wanted, { status: 200, answer: result.reason });
    print(options, result, `${productName(key)}: ${result.reason}`);
  } finally {
    await system.close();
  }
}

/** Into the audit trail, where the store takes it: one that is down must not keep anybody from rolling back. */
async function writeDown(
  { store }: System,
  key: ProductKey,
  { reason }: Wanted,
  { status, answer }: { readonly status: number; readonly answer: string },
): Promise<void> {
  await store.audit
    .append({
      ...key,
      atMs: Date.now(),
      who: whoAmI(),
      // The account's name is taken as it is: nothing proves it.
      kind: 'nobody',
      from: 'the command line, without Temporal',
      call: 'rollback --direct',
      why: reason.slice(0, 2_000),
      status,
      answer: answer.slice(0, 2_000),
    })
    .catch((error: unknown) => process.stderr.write(`the audit trail was not written: ${String(error)}\n`));
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
      // Before traffic is stopped, and again before each step: somebody may have mended it meanwhile.
      for (const move of moves) await compare(move);
      const controlled = moves.filter((move) => reachOf(setup, move.service).traffic !== null);
      for (const move of controlled) await stopTraffic(move);
      const stoppedAtMs = controlled.length === 0 ? null : Date.now();
      for (const move of moves) await moveTo(move);
      await waitHealthy(moves);
      for (const move of controlled) await resumeTraffic(move);
      await conclude(deployment, moves, { startedAtMs, stoppedAtMs });
      return {
        id,
        reason: `rolled back to ${moves.map((move) => move.to).join(', ')}; watch it, nobody verifies it under traffic while Temporal is down`,
      };
    } catch (error) {
      await note(
        `Failed: ${error instanceof Error ? error.message : String(error)}; traffic stays as it is, and the product stays held by ${id}: ` +
          `run this again with --force, or give it up with "orchestrator resolve ${key.product}" when Temporal is back`,
      );
      throw error;
    }
  }

  async function stopTraffic({ service }: Move): Promise<void> {
    const { retryAfterSeconds } = setup.policy.rollback;
    const { traffic } = reachOf(setup, service);
    await traffic?.stop(service, { reason: wanted.reason, retryAfterSeconds, signal });
    await note(`Maintenance mode ON for ${service}`);
  }

  async function moveTo(move: Move): Promise<void> {
    const { target } = reachOf(setup, move.service);
    await compare(move);
    const recipe = await recordedRecipes(store, key, move.service)(move.to);
    const context = { signal, key: id, recipe, heartbeat: () => undefined };
    await target.restore(move.service, move.to, context);
    await note(`Rollback of ${move.service} to ${move.to} (${move.reason})`);
    await target.restart(move.service, context);
    await note(`${move.service} restarted`);
  }

  async function resumeTraffic({ service, to }: Move): Promise<void> {
    const { target, traffic } = reachOf(setup, service);
    const { instances } = await target.live(service, signal);
    await traffic?.resume(service, { release: to, instances, signal });
    await note(`Maintenance mode OFF for ${service}`);
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
    const refused = refusedTarget({ services: [plan] }, wanted.to);
    if (refused !== null && !wanted.force)
      throw new CommandFailure(exitCode.failure, `${refused}; --force restores it all the same`);
    const candidates =
      wanted.to === null ? plan.candidates : [{ release: wanted.to, reason: `chosen by ${by}` }];
    const recipeOf = recordedRecipes(store, key, plan.service);
    const found = await findWayBack({
      reach: reachOf(product, plan.service),
      plan,
      candidates,
      recipeOf,
      signal,
    });
    if (found.kind === 'found')
      return {
        service: plan.service,
        from: plan.release,
        to: found.release,
        reason: found.reason,
        replaceable: [],
      };
    const why = found.passedOver.length === 0 ? '' : ` (${found.passedOver.join('; ')})`;
    throw new CommandFailure(exitCode.failure, `there is no restorable release for ${plan.service}${why}`);
  }

  async function compare(move: Move): Promise<void> {
    const live = await reachOf(setup, move.service).target.live(move.service, signal);
    const stranger = unexpectedRelease(live, [move.from, move.to]);
    if (stranger === null) return;
    if (!wanted.force)
      throw new CommandFailure(
        exitCode.failure,
        `somebody else changed ${move.service}: ${stranger}; --force replaces it all the same`,
      );
    await note(`${move.service}: ${stranger}; replaced all the same (--force)`);
  }

  async function waitHealthy(moves: readonly Move[]): Promise<void> {
    const endMs = Date.now() + setup.policy.rollback.healthCheckTimeoutMs;
    for (;;) {
      const sick = (await Promise.all(moves.map(sickness))).filter((sentence) => sentence !== null);
      if (sick.length === 0) break;
      if (Date.now() > endMs) throw new CommandFailure(exitCode.failure, `not healthy: ${sick.join(', ')}`);
      await sleep(1_000);
    }
    await note('Health checks: PASS');
  }

  async function sickness({ service, to }: Move): Promise<string | null> {
    const reach = reachOf(setup, service);
    const live = await reach.target.live(service, signal);
    const stranger = unexpectedRelease(live, [to]);
    if (stranger !== null) return `${service}: ${stranger}`;
    const failing = (await probesOf(reach, live, signal)).filter((probe) => !probe.healthy);
    return failing.length === 0
      ? null
      : `${service}: ${failing.map((probe) => `${probe.instance} ${probe.detail}`).join(', ')}`;
  }

  async function conclude(
    deployment: Deployment,
    moves: readonly Move[],
    times: { startedAtMs: number; stoppedAtMs: number | null },
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
      trafficResumedAtMs: times.stoppedAtMs === null ? null : atMs,
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

  /** To the terminal, the journal file and, where it answers, the store. */
  async function note(text: string): Promise<void> {
    const atMs = Date.now();
    process.stderr.write(`${new Date(atMs).toISOString().slice(11, 19)} - ${text}\n`);
    await appendFile(join(folder, 'direct-journal.jsonl'), `${JSON.stringify({ id, atMs, text })}\n`);
    // A store that does not answer must not stop a rollback half-way: the terminal and the file have it.
    await recordInStore(text, atMs).catch(() => undefined);
  }

  async function recordInStore(text: string, atMs: number): Promise<void> {
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
