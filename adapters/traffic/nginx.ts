import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isCode, replaceFile } from '../durable-file.ts';
import { nginxChecks } from './nginx/checks.ts';
import { runNginx } from './nginx/command.ts';
import { includeText, type NginxState } from './nginx/include-file.ts';
import { readMarker } from './nginx/marker.ts';
import { readWorkers, replacedWorkers } from './nginx/workers.ts';
import { addressesOf } from './origins.ts';
import type { TrafficControl } from './traffic-control.ts';

export interface NginxOptions {
  /** Written with each switch, and included in nginx.conf's `http`. */
  readonly file: string;
  /** Of the upstream in that file, and the beginning of its variables: `api` makes `$api_retry_after`. */
  readonly upstream: string;
  /** Where nginx shows `$api_state`: what is in force, not what is on the disk. */
  readonly stateUrl: string;
  readonly pidFile?: string;
  /** Where the commands run. */
  readonly cwd?: string;
  /** Argument vectors; no shell reads them. */
  readonly testCommand?: readonly string[];
  readonly reloadCommand?: readonly string[];
  /** How long requests under way are waited for. */
  readonly drainMs?: number;
  /** Of each command, of the new workers' start, and of the answer at `stateUrl`. */
  readonly timeoutMs?: number;
}

export type NginxReach = Required<NginxOptions> & { readonly signal: AbortSignal };

/** Traffic of one service through nginx: an included file, `nginx -t`, a reload. */
export function createNginxTraffic(options: NginxOptions): TrafficControl {
  if (!/^[a-z][a-z0-9_]*$/.test(options.upstream))
    throw new Error(
      `nginx: upstream is "${options.upstream}"; allowed are lower-case letters, digits and "_"`,
    );
  const reachWith = (signal: AbortSignal): NginxReach => {
    signal.throwIfAborted();
    return { ...defaults, ...definedOf(options), signal };
  };
  return {
    async state(_service, signal) {
      const { page, release } = await readMarker(reachWith(signal));
      return { maintenance: page !== null, weights: release === null ? {} : { [release]: 100 } };
    },
    async stop(_service, { reason, retryAfterSeconds, signal }) {
      const reach = reachWith(signal);
      const page = { reason, retryAfterSeconds: Math.max(1, Math.ceil(retryAfterSeconds)) };
      await bringInForce(reach, { ...(await readMarker(reach)), page });
    },
    async resume(_service, { release, instances, signal }) {
      const reach = reachWith(signal);
      await bringInForce(reach, { page: null, release, addresses: addressesOf(release, instances) });
    },
    checks: (_service, signal) => nginxChecks(reachWith(signal)),
  };
}

const defaults = {
  cwd: '.',
  pidFile: '/run/nginx.pid',
  testCommand: ['nginx', '-t'],
  reloadCommand: ['nginx', '-s', 'reload'],
  drainMs: 10_000,
  timeoutMs: 10_000,
};

async function bringInForce(reach: NginxReach, wanted: Omit<NginxState, 'mark'>): Promise<void> {
  const inForce = await readMarker(reach);
  const before = await readOrNull(reach.file);
  if (before === includeText(reach.upstream, { ...wanted, mark: inForce.mark })) return;
  const next = { ...wanted, mark: randomUUID() };
  const text = includeText(reach.upstream, next);
  await replaceFile(reach.file, text);
  try {
    await runNginx(reach, reach.testCommand);
    await reload(reach, next.mark);
  } catch (error) {
    // What is not in force must not lie in wait for somebody's next reload; what another attempt wrote meanwhile may be.
    if (before !== null && (await readOrNull(reach.file)) === text) await replaceFile(reach.file, before);
    throw error;
  }
}

/**
 * A reload is only asked for: nginx reads its configuration later, may refuse it, and old workers take requests until they are told to end.
 * So the new state is in force when the old workers have ended, or at least have closed their listeners, and nginx shows the mark.
 */
async function reload(reach: NginxReach, mark: string): Promise<void> {
  const old = await readWorkers(reach);
  await runNginx(reach, reach.reloadCommand);
  await replacedWorkers(reach, old);
  const { mark: found } = await readMarker(reach);
  if (found === mark) return;
  throw new Error(
    `nginx was reloaded, but ${reach.stateUrl} does not show the new state: does its configuration include ${reach.file}?`,
  );
}

async function readOrNull(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (isCode(error, 'ENOENT')) return null;
    throw error;
  }
}

function definedOf(options: NginxOptions): NginxOptions {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as unknown as NginxOptions;
}
