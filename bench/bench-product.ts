import { randomUUID } from 'node:crypto';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DeployTarget } from '../adapters/deploy-target/deploy-target.ts';
import { createLocalProcessTarget } from '../adapters/deploy-target/local-process.ts';
import type { HealthProbe } from '../adapters/health/health-probe.ts';
import { createHttpProbe } from '../adapters/health/http-probe.ts';
import type { MetricsSource } from '../adapters/metrics/metrics-source.ts';
import { createScrapeSource } from '../adapters/metrics/scrape.ts';
import { startProxy } from '../adapters/traffic/proxy/proxy-server.ts';
import { createProxyTraffic } from '../adapters/traffic/proxy.ts';
import type { TrafficControl } from '../adapters/traffic/traffic-control.ts';
import type { ProductSettings } from '../config/schema/product.ts';
import { until } from '../test/e2e/stage.ts';

const serverFile = fileURLToPath(new URL('./failing-service.mjs', import.meta.url));
export const service = 'web';

/** Which share of its requests a release fails, 0 to 1, and between which moments (milliseconds since the epoch). */
export interface Behaviour {
  readonly usualShare: number;
  readonly badShare: number;
  readonly badFromMs: number;
  readonly badUntilMs: number;
}

/** One service process behind its own proxy, with the adapters that reach it. */
export interface BenchProduct {
  readonly name: string;
  /** Of the proxy. */
  readonly origin: string;
  readonly target: DeployTarget;
  readonly traffic: TrafficControl;
  readonly probe: HealthProbe;
  readonly metrics: MetricsSource;
  /** The product as it stands in a configuration file. */
  readonly settings: ProductSettings;
  addRelease(release: string, behaviour: Behaviour): Promise<void>;
  /** Makes the release live and, when it is healthy, sends it the traffic. */
  deploy(release: string): Promise<void>;
}

export async function createBenchProduct(
  name: string,
  place: { readonly folder: string; readonly port: number; readonly ends: (() => unknown)[] },
): Promise<BenchProduct> {
  const root = join(place.folder, name);
  const tokenFile = join(root, 'proxy-token');
  await mkdir(root, { recursive: true });
  const proxy = await startProxy({
    port: 0,
    controlPort: 0,
    stateFile: join(root, 'proxy.json'),
    tokenFile,
    drainTimeoutMs: 1_000,
  });
  place.ends.push(() => proxy.close());
  const local = { command: [process.execPath, 'server.mjs'], instances: 1, basePort: place.port };
  const target = createLocalProcessTarget({ root, services: { [service]: local } });
  const controlUrl = `http://127.0.0.1:${proxy.controlPort}`;
  const traffic = createProxyTraffic({ controlUrl, tokenFile });
  const probe = createHttpProbe();
  place.ends.push(() => endInstance(root));
  return {
    name,
    origin: `http://127.0.0.1:${proxy.port}`,
    target,
    traffic,
    probe,
    metrics: createScrapeSource(),
    settings: {
      services: {
        [service]: {
          deploy_target: {
            kind: 'local-process',
            root,
            command: local.command,
            instances: local.instances,
            base_port: local.basePort,
          },
          metrics: { kind: 'scrape' },
          traffic: { kind: 'proxy', control_url: controlUrl, token_file: tokenFile },
        },
      },
    },
    async addRelease(release, behaviour) {
      const folder = join(root, service, 'releases', release);
      await mkdir(folder, { recursive: true });
      await cp(serverFile, join(folder, 'server.mjs'));
      await writeFile(join(folder, 'behaviour.json'), JSON.stringify(behaviour));
    },
    async deploy(release) {
      const signal = AbortSignal.timeout(20_000);
      const step = { signal, key: randomUUID(), heartbeat: () => undefined };
      await target.restore(service, release, step);
      await target.restart(service, step);
      const { instances } = await target.live(service, signal);
      await until(`${name} ${release} to be healthy`, async () => {
        const [health] = await probe.probe(instances, signal);
        if (health?.healthy !== true) throw new Error(health?.detail);
      });
      await traffic.resume(service, { release, instances, signal });
    },
  };
}

async function endInstance(root: string): Promise<void> {
  const record = await readFile(join(root, service, 'run', '0.json'), 'utf8');
  const { pid } = JSON.parse(record) as { pid: number };
  process.kill(-pid, 'SIGKILL');
}
