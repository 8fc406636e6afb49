import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createLocalProcessTarget } from '../../adapters/deploy-target/local-process.ts';
import { createHttpProbe } from '../../adapters/health/http-probe.ts';
import { createProxyTraffic } from '../../adapters/traffic/proxy.ts';
import type { TrafficControl } from '../../adapters/traffic/traffic-control.ts';
import type { RollbackWay } from '../../domain/rollback.ts';
import { freePort } from '../../worker/free-port.ts';
import {
  createShopHistory,
  exportRelease,
  shopCommand,
  shopMemoryLimitMb,
  shopReleases,
} from '../shop/history.ts';
import { startProgram } from './program.ts';

const instances = 2;

/** The shop as somebody would run it: releases of a git history, a proxy, a payment provider, our configuration. */
export interface Workspace {
  readonly folder: string;
  readonly configFile: string;
  readonly url: string;
  /** What a pipeline does: puts the release into production. */
  deploy(release: string): Promise<void>;
  /** Breaks or mends the payment provider that every release depends on. */
  setPaymentsFailing(failing: boolean): Promise<void>;
  /** Ends everything that was started, shop instances included. */
  close(): Promise<void>;
}

/** What stands before the shop. */
export interface Front {
  readonly url: string;
  readonly traffic: TrafficControl;
  /** Its part of the configuration, as JSON. */
  readonly settings: unknown;
  stop(): Promise<void>;
}

/** What another example chooses itself: ports, the way of rolling back, and what stands before the shop with its configuration. */
export interface WorkspaceParts {
  readonly paymentsPort?: number;
  readonly basePort?: number;
  readonly way?: RollbackWay;
  readonly startFront?: (folder: string) => Promise<Front>;
  readonly configuration?: (place: Place) => string | Promise<string>;
}

export interface Place {
  readonly root: string;
  readonly basePort: number;
  readonly way: RollbackWay;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly traffic: unknown;
  readonly repository: string;
}

export async function prepareWorkspace(folder: string, parts: WorkspaceParts = {}): Promise<Workspace> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const repository = join(folder, 'shop.git');
  await createShopHistory({ repository });
  const root = join(folder, 'production');
  for (const release of shopReleases) {
    await exportRelease({ repository, release, folder: join(root, 'web', 'releases', release) });
  }
  const { paymentsPort = await freePort(), basePort = await freeRun(2 * instances), way = 'replace' } = parts;
  // A small pool, so that half of the demo's traffic, one instance's share, is enough to exhaust it.
  const env = { PAYMENTS_URL: `http://127.0.0.1:${paymentsPort}`, DATABASE_CONNECTIONS: '4' };
  const command = [...shopCommand];
  const port = String(paymentsPort);
  const payments = startProgram('payments', ['examples/shop/payments.js'], join(folder, 'payments.log'), {
    PORT: port,
  });
  const front = await (parts.startFront ?? startProxy)(folder);
  await untilAnswers(`http://127.0.0.1:${paymentsPort}/healthz`);
  const configFile = join(folder, 'rollback-config.yml');
  const place = { root, basePort, way, command, env, traffic: front.settings, repository };
  await writeFile(configFile, await (parts.configuration ?? configuration)(place));
  const target = createLocalProcessTarget({ root, services: { web: { command, instances, basePort, env } } });
  const { traffic, url } = front;
  const probe = createHttpProbe({ path: '/healthz' });
  let deployments = 0;

  return {
    folder,
    configFile,
    url,
    async deploy(release) {
      deployments += 1;
      const signal = AbortSignal.timeout(30_000);
      const step = { signal, key: `pipeline-${deployments}`, heartbeat: () => undefined };
      await traffic.stop('web', { reason: `deploying ${release}`, retryAfterSeconds: 1, signal });
      await target.restore('web', release, step);
      await target.restart('web', step);
      for (;;) {
        const live = await target.live('web', signal);
        const probes = await probe.probe(live.instances, signal);
        if (probes.every((entry) => entry.healthy))
          return traffic.resume('web', { release, instances: live.instances, signal });
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
    async setPaymentsFailing(failing) {
      const body = JSON.stringify({ failing });
      await fetch(`http://127.0.0.1:${paymentsPort}/control`, {
        method: 'PUT',
        body,
        headers: { 'content-type': 'application/json' },
      });
    },
    async close() {
      for (let i = 0; i < 2 * instances; i += 1) await endInstance(join(root, 'web', 'run', `${i}.json`));
      await front.stop();
      await payments.stop();
    },
  };
}

async function startProxy(folder: string): Promise<Front> {
  const [port, controlPort] = [await freePort(), await freePort()];
  const tokenFile = join(folder, 'proxy-token');
  const program = startProgram(
    'proxy',
    [
      'adapters/traffic/proxy/proxy-main.ts',
      ...['--port', String(port), '--control-port', String(controlPort)],
      ...['--state-file', join(folder, 'proxy-state.json'), '--token-file', tokenFile],
    ],
    join(folder, 'proxy.log'),
  );
  const controlUrl = `http://127.0.0.1:${controlPort}`;
  await untilAnswers(`${controlUrl}/healthz`);
  return {
    url: `http://127.0.0.1:${port}`,
    traffic: createProxyTraffic({ controlUrl, tokenFile }),
    settings: { kind: 'proxy', control_url: controlUrl, token_file: tokenFile },
    stop: () => program.stop(),
  };
}

/** The specification's policy with minutes shortened to seconds, so that a day's story fits into a demo. */
function configuration(place: Place): string {
  const quoted = (value: unknown) => JSON.stringify(value);
  return `# The specification's policy in the demo's time: a check each second instead of each minute.
rollback_policy:
  enabled: true
  monitoring:
    check_interval_seconds: 1
    baseline_window_minutes: 0.1
    suspect_interval_seconds: 1
    good_after_minutes: 0.1
    warm_up_seconds: 2
    segment_minutes: 5
    minimum_requests: 100
  triggers:
    error_rate: { enabled: true, multiplier: 2.0, window_minutes: 0.0834 }
    latency: { enabled: true, metric: p95, multiplier: 1.5, window_minutes: 0.25 }
    memory: { enabled: true, threshold_percent: 90, window_minutes: 0.1 }
    # Off: the specification tells scenario 1 by its error rate; the exhausted pool would be noticed first.
    database: { enabled: false }
    health_check: { enabled: true, failure_count: 3, window_minutes: 0.0834 }
  rollback:
    max_rollback_attempts: 3
    health_check_timeout_seconds: 20
    verify_minutes: 0.15
    retry_backoff_seconds: 1
    retry_after_seconds: 2
  notifications:
    ceo_alert: true
products:
  shop:
    owner: { name: Ana }
    services:
      web:
        deploy_target:
          kind: local-process
          root: ${quoted(place.root)}
          command: ${quoted(place.command)}
          instances: ${instances}
          base_port: ${place.basePort}
          way: ${place.way}
          env: ${quoted(place.env)}
        metrics: { kind: scrape, memory_limit_mb: ${shopMemoryLimitMb} }
        health: { path: /healthz }
        traffic: ${quoted(place.traffic)}
        logs: { kind: files, paths: [${quoted(join(place.root, '{service}', 'log', '*.log'))}] }
        changes: { kind: git, repository: ${quoted(place.repository)} }
support_engineer: Support Engineer
assign:
  listener_leak: { role: Backend Engineer }
`;
}

/** The first of `count` free ports in a row, outside the range that clients are given ports from: some are not used until a rollback. */
async function freeRun(count: number): Promise<number> {
  for (;;) {
    const first = 12_000 + Math.floor(Math.random() * 18_000);
    const found = await Promise.all(Array.from({ length: count }, (_, i) => freePort(first + i)));
    if (found.every((port, i) => port === first + i)) return first;
  }
}

export async function untilAnswers(url: string): Promise<void> {
  const end = Date.now() + 15_000;
  for (;;) {
    const ok = await fetch(url).then(
      (answer) => answer.ok,
      () => false,
    );
    if (ok) return;
    if (Date.now() > end) throw new Error(`${url} does not answer after 15 s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function endInstance(pidFile: string): Promise<void> {
  try {
    const { pid } = JSON.parse(await readFile(pidFile, 'utf8')) as { pid: number };
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It was never started, or has ended already.
  }
}
