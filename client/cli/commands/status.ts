import { setTimeout as sleep } from 'node:timers/promises';
import { releaseNames } from '../../../domain/deployment.ts';
import { shortDuration } from '../../../domain/detection/verdict.ts';
import { missingReadiness, readinessTarget } from '../../../domain/readiness.ts';
import { clockTime, timelineLine } from '../../../domain/timeline.ts';
import { apiClient, type CommonOptions, print, scopeOf } from '../context.ts';
import { CommandFailure, exitCode } from '../exit-codes.ts';

interface Options extends CommonOptions {
  readonly watch?: boolean;
  readonly timeout?: string;
}

type Client = ReturnType<typeof apiClient>;
type Status = Awaited<ReturnType<Client['status']>>;

/** Without a product: every product in one line. */
export async function status([product]: string[], options: Options): Promise<void> {
  const client = apiClient(options);
  const isLive = options.watch === true && options.json !== true && isTerminal();
  if (product === undefined) {
    if (options.watch && !isLive)
      throw new CommandFailure(
        exitCode.usage,
        'without a terminal --watch needs a product: status PRODUCT --watch',
      );
    return isLive ? watchAll(client, options) : overview(client, options);
  }
  if (options.watch) return isLive ? watchOne(client, product, options) : follow(client, product, options);
  const found = await client.status(scopeOf(product, options));
  print(options, found, describe(found));
}

async function overview(client: Client, options: Options): Promise<void> {
  const { products } = await client.overview();
  const lines = products.map(({ rollback, ...found }) =>
    oneLine({ ...found, rollback: rollback === null ? null : { ...rollback, phase: found.phase } }),
  );
  print(options, products, lines.length === 0 ? 'No products are configured.' : lines.join('\n'));
}

interface Summary extends Pick<Status, 'product' | 'environment' | 'current' | 'pause' | 'vetoWindow'> {
  readonly rollback: Pick<NonNullable<Status['rollback']>, 'id' | 'phase'> | null;
}

function oneLine(found: Summary): string {
  const name = found.environment === 'production' ? found.product : `${found.product} (${found.environment})`;
  if (found.current === null) return `${name}: no deployment known`;
  return `${name}: ${releaseNames(found.current.services)}, ${stateOf(found)}`;
}

function stateOf({ current, rollback, pause, vetoWindow }: Summary): string {
  if (rollback !== null) return `rollback ${rollback.id} running (${rollback.phase ?? 'no worker answers'})`;
  if (vetoWindow !== null) return `rolls back at ${clockTime(vetoWindow.untilMs)} unless vetoed`;
  const paused = pause === null ? '' : `, automatic rollback paused by ${pause.by}`;
  return `${current?.outcome ?? current?.status ?? 'unknown'}${paused}`;
}

function describe(found: Status): string {
  const { current, lastCheck, pause, veto, vetoWindow, floors, readiness, timeline } = found;
  const lines = [oneLine(found)];
  if (current !== null)
    lines.push(
      `  deployment ${current.deployment}, since ${new Date(current.deployedAtMs).toISOString()} (${shortDuration(Date.now() - current.deployedAtMs)})`,
    );
  if (current?.outcomeReason) lines.push(`  ${current.outcomeReason}`);
  if (lastCheck !== null) lines.push(`  last check ${clockTime(lastCheck.atMs)}: ${lastCheck.sentence}`);
  if (pause !== null)
    lines.push(
      `  paused by ${pause.by} ${pause.untilMs === null ? 'until resumed' : `until ${new Date(pause.untilMs).toISOString()}`}: ${pause.reason}`,
    );
  if (vetoWindow !== null)
    lines.push(`  ${vetoWindow.reason}; to keep it: orchestrator veto ${found.product} "why"`);
  if (veto !== null)
    lines.push(`  its rollback was vetoed by ${veto.by} at ${clockTime(veto.atMs)}: ${veto.reason}`);
  for (const [service, { release, by, reason }] of Object.entries(floors))
    lines.push(`  rollback floor of ${service}: ${release}, by ${by}: ${reason}`);
  if (readiness !== null) lines.push(`  ${wayBackLine(readiness)}`);
  if (timeline.length > 0) lines.push('', 'Timeline (UTC):', ...timeline.slice(-20).map(timelineLine));
  return lines.join('\n');
}

function wayBackLine(readiness: NonNullable<Status['readiness']>): string {
  const when = `looked at ${clockTime(readiness.atMs)}`;
  const missing = missingReadiness(readiness);
  return missing === null
    ? `way back: ${readinessTarget(readiness)}, ready (${when})`
    : `WAY BACK NOT READY (${when}): ${missing}`;
}

/** Somebody looks at it, and can leave it. */
function isTerminal(): boolean {
  return process.stdout.isTTY === true && process.stdin.isTTY === true && process.env.TERM !== 'dumb';
}

async function watchAll(client: Client, options: Options): Promise<void> {
  const endMs = Date.now() + timeoutOf(options);
  const { watchLive } = await import('../live/watch-live.ts');
  await client.products();
  const end = await watchLive({ client, only: null, endMs });
  if (end.kind === 'timeout') process.exitCode = exitCode.timeout;
  if (end.kind === 'interrupted') process.exitCode = exitCode.interrupted;
  await overview(client, options);
}

/** Ends as the line-by-line way does, and leaves what matters on the terminal. */
async function watchOne(client: Client, product: string, options: Options): Promise<void> {
  const scope = scopeOf(product, options);
  const endMs = Date.now() + timeoutOf(options);
  const deployment = await currentOf(client, product, options);
  const { watchLive } = await import('../live/watch-live.ts');
  const end = await watchLive({ client, only: { ...scope, deployment }, endMs });
  print(options, null, describe(await client.status(scope)));
  if (end.kind === 'ended') return tellEnd(options, deployment, end);
  if (end.kind === 'timeout') throw lateOf(deployment, options);
  if (end.kind === 'interrupted') process.exitCode = exitCode.interrupted;
}

async function currentOf(client: Client, product: string, options: Options): Promise<string> {
  const { current } = await client.status(scopeOf(product, options));
  if (current !== null) return current.deployment;
  throw new CommandFailure(exitCode.notFound, `no deployment of ${product} is known`);
}

interface Ended {
  readonly outcome: string;
  readonly outcomeReason: string | null;
}

function tellEnd(options: Options, deployment: string, ended: Ended): void {
  const { outcome, outcomeReason } = ended;
  print(options, ended, `${deployment} ended: ${outcome} (${outcomeReason ?? ''})`);
  if (outcome === 'rolled_back' || outcome === 'needs_attention') process.exitCode = exitCode.degraded;
}

function lateOf(deployment: string, options: Options): CommandFailure {
  return new CommandFailure(exitCode.timeout, `${deployment} has not ended after ${options.timeout} s`);
}

/** Prints what happens as it happens, until the deployment that was current at the start has ended. */
async function follow(client: Client, product: string, options: Options): Promise<void> {
  const scope = scopeOf(product, options);
  const endMs = Date.now() + timeoutOf(options);
  const deployment = await currentOf(client, product, options);
  const shown = new Set<string>();
  for (;;) {
    const found = await client.deployment({ ...scope, deployment });
    for (const entry of found.timeline) {
      const line = timelineLine(entry);
      if (shown.has(`${entry.atMs}${entry.text}`)) continue;
      shown.add(`${entry.atMs}${entry.text}`);
      print(options, entry, line);
    }
    const { outcome } = found.deployment;
    if (outcome !== null) return tellEnd(options, deployment, { ...found.deployment, outcome });
    if (Date.now() > endMs) throw lateOf(deployment, options);
    await sleep(1_000);
  }
}

function timeoutOf({ timeout }: Options): number {
  if (timeout === undefined) return Number.POSITIVE_INFINITY;
  const seconds = Number(timeout);
  if (seconds > 0) return seconds * 1_000;
  throw new CommandFailure(exitCode.usage, `--timeout ${timeout} is not a positive number of seconds`);
}
