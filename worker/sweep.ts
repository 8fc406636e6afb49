import type { NativeConnection } from '@temporalio/worker';
import type { Logger } from 'pino';
import { request } from 'undici';
import type { Catalog } from '../activities/dependencies.ts';
import type { Store } from '../adapters/store/store.ts';
import { shortDuration } from '../domain/detection/verdict.ts';
import {
  type DeploymentKey,
  monitorWorkflowId,
  type ProductKey,
  productName,
  rollbackWorkflowId,
} from '../domain/identity.ts';
import { type Message, timelineLinks } from '../domain/message.ts';
import { type ActiveRollback, activePause, isDirect } from '../domain/product-row.ts';

export interface SweepOptions {
  readonly store: Store;
  readonly catalog: Catalog;
  readonly connection: Pick<NativeConnection, 'workflowService'>;
  readonly namespace: string;
  /** Called each minute while every watched deployment has a fresh tick; `null`: none is configured. */
  readonly watchdogUrl: () => Promise<string | null>;
  /** Namespace in the Temporal Web UI; `null`: not known. */
  readonly temporalUi: string | null;
  readonly now?: () => number;
}

export interface StaleWatch extends DeploymentKey {
  readonly silentMs: number;
}

const dayMs = 24 * 3_600_000;
const keptMs = 30 * dayMs;
const pruneEveryMs = dayMs;
const heldByHandMs = 15 * 60_000;

/** How many check intervals a watched deployment may be silent. */
const intervalsAllowed = 3;

/** Looks after the system itself: rollbacks that hold a product without running, and deployments that nobody watches. */
export function createSweep(options: SweepOptions) {
  const { store, catalog, connection, namespace } = options;
  const now = options.now ?? Date.now;
  let prunedAtMs = 0;

  return { sweep, staleWatches, rollbackStatus };

  /** One round; problems are told, never thrown. Returns what was found, for the log. */
  async function sweep(): Promise<string[]> {
    const found: string[] = [];
    for (const entry of await store.products.list()) {
      found.push(...(await clearStaleRollback(entry)));
      found.push(...(await endPause(entry)));
    }
    const stale = await staleWatches();
    for (const watch of stale) found.push(await tellStale(watch));
    if (stale.length === 0) await callWatchdog();
    await forgetOldSamples();
    return found;
  }

  /** Watched deployments without a fresh tick. A stored blind tick is a tick. */
  async function staleWatches(): Promise<StaleWatch[]> {
    const stale: StaleWatch[] = [];
    for (const look of await store.watches.lastLooks()) {
      const setup = await catalog.setup(look).catch(() => null);
      const deployment = await store.deployments.read(look);
      const row = await store.products.read(look);
      if (setup === null || deployment === null || row.rollback !== null) continue;
      const silentMs = now() - (look.atMs ?? deployment.deployedAtMs);
      if (silentMs > intervalsAllowed * setup.policy.monitoring.checkIntervalMs)
        stale.push({ ...look, silentMs });
    }
    return stale;
  }

  /** `running`, `closed`, `missing`, or `null` when Temporal does not answer. */
  async function rollbackStatus(key: ProductKey): Promise<'running' | 'closed' | 'missing' | null> {
    try {
      const execution = { workflowId: rollbackWorkflowId(key) };
      const { workflowExecutionInfo } = await connection.workflowService.describeWorkflowExecution({
        namespace,
        execution,
      });
      return workflowExecutionInfo?.status === running ? 'running' : 'closed';
    } catch (error) {
      return (error as { code?: number }).code === notFound ? 'missing' : null;
    }
  }

  async function clearStaleRollback({
    row,
    ...key
  }: Awaited<ReturnType<Store['products']['list']>>[number]): Promise<string[]> {
    const held = row.rollback;
    if (held === null || now() - held.sinceMs < 60_000) return [];
    if (isDirect(held.id)) return tellHeldByHand(key, held);
    const status = await rollbackStatus(key);
    if (status === null || status === 'running') return [];
    if ((await store.deployments.freeRow(key, held.id, now())) === null) return [];
    const text = `The row of ${productName(key)} named rollback ${held.id}, whose workflow does not run (${status}); it was cleared. Look at what is live and at traffic.`;
    await tell(
      { ...key, deployment: held.deployment },
      'Stale rollback cleared',
      text,
      `stale-row/${held.id}`,
    );
    return [text];
  }

  /** Nobody else can act meanwhile: a person who has forgotten it must be found. */
  async function tellHeldByHand(key: ProductKey, held: ActiveRollback): Promise<string[]> {
    const heldMs = now() - held.sinceMs;
    if (heldMs < heldByHandMs) return [];
    const text = `${held.id} holds ${productName(key)} for ${shortDuration(heldMs)}; no automatic rollback meanwhile. Is somebody still at it? If not: orchestrator resolve ${key.product}`;
    const hour = Math.floor(now() / 3_600_000);
    await tell(
      { ...key, deployment: held.deployment },
      'Held by a rollback by hand',
      text,
      `held/${held.id}/${hour}`,
    );
    return [text];
  }

  /** A pause ends by its time, never silently. */
  async function endPause({
    row,
    ...key
  }: Awaited<ReturnType<Store['products']['list']>>[number]): Promise<string[]> {
    const { pause } = row;
    if (pause === null || activePause(row, now()) !== null) return [];
    await store.products.change(key, (current) =>
      current.pause?.untilMs === pause.untilMs ? { ...current, pause: null } : null,
    );
    const text = `The pause of ${productName(key)} by ${pause.by} (${pause.reason}) has ended: automatic rollbacks act again.`;
    const deployment = row.currentDeployment ?? 'none';
    const entry = { ...key, deployment, incident: null, kind: 'person' as const, atMs: now(), text };
    const messageKey = `pause-ended/${productName(key)}/${pause.untilMs}`;
    await store.timeline.append([{ ...entry, key: messageKey }]);
    await tell({ ...key, deployment }, 'Pause has ended', text, messageKey, 'owner');
    return [text];
  }

  async function tellStale(watch: StaleWatch): Promise<string> {
    const text = `Nobody has looked at ${watch.deployment} of ${productName(watch)} for ${shortDuration(watch.silentMs)}: is a worker polling the watch queue?`;
    // One notice an hour of silence, whoever sweeps.
    await tell(
      watch,
      'Monitoring has stopped',
      text,
      `stale-watch/${watch.product}/${watch.environment}/${watch.deployment}/${Math.floor(now() / 3_600_000)}`,
    );
    return text;
  }

  async function tell(
    key: DeploymentKey,
    title: string,
    text: string,
    messageKey: string,
    whom: 'everyone' | 'owner' = 'everyone',
  ): Promise<void> {
    const setup = await catalog.setup(key).catch(() => null);
    const message: Message = {
      key: messageKey,
      // What is said again each hour is one story.
      thread: messageKey.replace(/\/\d+$/, ''),
      severity: whom === 'everyone' ? 'critical' : 'info',
      product: key.product,
      environment: key.environment,
      title: `${title}: ${productName(key)}`,
      text,
      facts: [],
      commands: [],
      links: timelineLinks(options.temporalUi, monitorWorkflowId(key)),
      atMs: now(),
    };
    for (const channel of setup?.notifiers(whom) ?? []) {
      if (await store.notices.wasSent(messageKey, channel.name)) continue;
      const sent = await channel.send(message, AbortSignal.timeout(15_000)).then(
        () => true,
        () => false,
      );
      if (sent) await store.notices.markSent(messageKey, channel.name, now());
    }
  }

  /** Standby goes on for ever; a month is more than any comparison looks back. */
  async function forgetOldSamples(): Promise<void> {
    if (now() - prunedAtMs < pruneEveryMs) return;
    prunedAtMs = now();
    await store.watches.prune(now() - keptMs);
  }

  async function callWatchdog(): Promise<void> {
    const url = await options.watchdogUrl().catch(() => null);
    if (url === null) return;
    await request(url, { method: 'POST', signal: AbortSignal.timeout(10_000) })
      .then(({ body }) => body.dump())
      .catch(() => undefined);
  }
}

/** Sweeps now and then until the returned function is called; what was found goes to the log. */
export function startSweeping(sweep: Sweep, logger: Logger, everyMs = 60_000): () => void {
  const timer = setInterval(() => {
    sweep.sweep().then(
      (found) => {
        for (const line of found) logger.warn(line);
      },
      (error: unknown) => logger.error({ error }, 'the sweep failed'),
    );
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}

export type Sweep = ReturnType<typeof createSweep>;

/** Temporal's WORKFLOW_EXECUTION_STATUS_RUNNING. */
const running = 1;
/** gRPC's NOT_FOUND. */
const notFound = 5;
