import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterwards, freePorts, kill, temporaryFolder } from '../adapters/temporary.ts';

/** Debian's Prometheus on loopback, with data of its own; `cleanUp` ends it by its pid. */
export interface PrometheusProcess {
  readonly url: string;
  /** What the query gives now. */
  valueOf(query: string): Promise<number | null>;
}

export interface PrometheusGiven {
  /** `host:port` by job; scraped each second. */
  readonly targets?: Readonly<Record<string, readonly string[]>>;
  /** OpenMetrics with times: what it shall know of the past. */
  readonly past?: string;
}

export async function startPrometheus({ targets = {}, past }: PrometheusGiven): Promise<PrometheusProcess> {
  if (spawnSync('prometheus', ['--version']).error !== undefined)
    throw new Error('there is no prometheus: run npm run test:integration, which gets one');
  const folder = await temporaryFolder();
  const data = join(folder, 'data');
  if (past !== undefined) {
    await writeFile(join(folder, 'past.txt'), past);
    execFileSync('promtool', [
      'tsdb',
      'create-blocks-from',
      'openmetrics',
      '-q',
      join(folder, 'past.txt'),
      data,
    ]);
  }
  const config = join(folder, 'prometheus.yml');
  await writeFile(config, JSON.stringify(configOf(targets)));
  const url = `http://127.0.0.1:${await freePorts(1)}`;
  const child = spawn(
    'prometheus',
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${data}`,
      '--storage.tsdb.retention.time=30d',
      `--web.listen-address=${url.slice('http://'.length)}`,
      '--log.level=error',
      '--enable-feature=native-histograms',
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  afterwards(() => kill(child));
  await until(async () => (await fetch(`${url}/-/ready`)).ok);
  return {
    url,
    async valueOf(query) {
      const answer = await fetch(`${url}/api/v1/query`, {
        method: 'POST',
        body: new URLSearchParams({ query }),
      });
      const { data: found } = (await answer.json()) as { data: { result: { value: [number, string] }[] } };
      const [first] = found.result;
      return first === undefined ? null : Number(first.value[1]);
    },
  };
}

/** JSON is YAML. */
function configOf(targets: NonNullable<PrometheusGiven['targets']>) {
  return {
    global: { scrape_interval: '1s', scrape_timeout: '1s' },
    scrape_configs: Object.entries(targets).map(([job, hosts]) => ({
      job_name: job,
      static_configs: [{ targets: hosts }],
    })),
  };
}

export async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadlineMs = Date.now() + 20_000;
  for (;;) {
    if (await isSo().catch(() => false)) return;
    if (Date.now() > deadlineMs) throw new Error('waited in vain');
    await sleep(100);
  }
}
