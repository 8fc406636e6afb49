import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStore } from '../../adapters/store/store.ts';
import {
  answerWith,
  type PrometheusServer,
  startPrometheusServer,
} from '../adapters/metrics/prometheus-server.ts';
import { aProcess } from '../adapters/metrics/scraped-process.ts';
import { aDeployment } from '../adapters/store/builders.ts';
import { cleanUp, temporaryFolder } from '../adapters/temporary.ts';
import { runCli } from './run-cli.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
/** On a whole hour: what is judged does not hang on when the test runs. */
const nowMs = Math.floor(Date.now() / hourMs) * hourMs;

describe('backtest of what Prometheus has', () => {
  let server: PrometheusServer;
  beforeEach(async () => {
    server = await startPrometheusServer();
  });
  afterEach(async () => {
    await server.close().catch(() => undefined);
    await cleanUp();
  });

  /** A day and a half of one process, scraped each minute; from `badFromMs` on it fails ten times as often. */
  function aLife(badFromMs = Number.POSITIVE_INFINITY) {
    const web = aProcess('a:1', nowMs - 48 * hourMs);
    for (let atMs = nowMs - 36 * hourMs; atMs <= nowMs; atMs += minuteMs) {
      const minute = atMs / minuteMs;
      const errors = atMs > badFromMs ? 20 + (minute % 5) : minute % 4;
      web.serve(1_000 + (minute % 37), errors, 40);
      server.scrape(atMs, web.series());
    }
  }

  async function installed(metrics = `kind: prometheus, url: "${server.url}", memory_limit_mb: 1024`) {
    const folder = await temporaryFolder();
    const config = join(folder, 'c.yml');
    const target =
      'deploy_target: { kind: local-process, root: apps, command: [node, a.js], base_port: 4000 }';
    await writeFile(
      config,
      `products:\n  shop:\n    services:\n      web:\n        ${target}\n        metrics: { ${metrics} }\n`,
    );
    const options = ['--config', config, '--data', folder];
    return {
      folder,
      run: (...args: string[]) => runCli(['backtest', ...args, ...options]),
      calibrate: (product: string) => runCli(['calibrate', product, ...options]),
    };
  }

  const iso = (atMs: number) => new Date(atMs).toISOString();

  it('judges a deployment of which only the time is known', async () => {
    const [badMs, goodMs] = [nowMs - 3 * hourMs, nowMs - 8 * hourMs];
    aLife(badMs);
    const { folder, run } = await installed();
    const at = ['--deployed-at', iso(badMs), '--deployed-at', iso(goodMs)];
    const plots = join(folder, 'plots');
    const [text, json, one] = [
      await run('shop', '--prometheus', ...at, '--plot', plots),
      await run('shop', '--prometheus', ...at, '--json'),
      await run('shop', '--prometheus', ...at, '--case', iso(badMs)),
    ];
    expect(text).toMatchObject({ code: 0, stderr: '' });
    expect(text.stdout).toContain(`shop ${iso(goodMs)}, a release, measured for 5 h`);
    expect(text.stdout).toMatch(/this policy: not rolled back\n {2}really: not known/);
    expect(text.stdout).toMatch(/this policy: minute \d+(\.\d+)?: error rate/);
    expect(text.stdout).toContain('1 of 2 deployments rolled back');
    expect(await readdir(plots)).toHaveLength(2);
    const { cases } = JSON.parse(json.stdout) as {
      cases: {
        deployment: { deployment: string };
        decisions: ({ minute: number; service: string } | null)[];
      }[];
    };
    expect(cases.map(({ deployment }) => deployment.deployment)).toEqual([iso(goodMs), iso(badMs)]);
    expect(cases[0]?.decisions).toEqual([null]);
    expect(cases[1]?.decisions[0]).toMatchObject({ service: 'web', trigger: 'error_rate' });
    expect(cases[1]?.decisions[0]?.minute).toBeLessThan(20);
    expect(one.stdout).toMatch(/^errors\/min +[▁▂▃▄▅▆▇█ ]+ ≤ [\d.]+$/m);
  });

  it('takes the deployments of the store in that time, each until the next one', async () => {
    aLife(nowMs - 3 * hourMs);
    const { folder, run } = await installed();
    const store = await openStore(join(folder, 'store.db'));
    for (const [id, hours] of [
      ['d1', 20],
      ['d2', 8],
      ['d3', 3],
    ] as const) {
      const deployedAtMs = nowMs - hours * hourMs;
      const services = [{ service: 'web', release: `v-${id}` }];
      await store.deployments.register(aDeployment(id, { services, deployedAtMs }));
    }
    await store.close();
    const found = await run('shop', '--prometheus', '--from', iso(nowMs - 10 * hourMs), '--to', iso(nowMs));
    expect(found).toMatchObject({ code: 0, stderr: '' });
    expect(found.stdout).not.toContain('shop d1');
    expect(found.stdout).toContain('shop d2, v-d2, measured for 5 h');
    expect(found.stdout).toMatch(/shop d3, v-d3, measured for 3 h\n {2}this policy: minute/);
  });

  it('is what calibrate goes by, where the store knows less than a day', async () => {
    aLife();
    const { calibrate } = await installed();
    const known = await calibrate('shop');
    expect(known).toMatchObject({ code: 0, stderr: '' });
    expect(known.stdout).toMatch(/^web: 1\.\d+ days of history$/m);
    expect(known.stdout).toMatch(/usual at this hour: [\d.]+ errors\/min, [\d.]+ % of \d{3,4} requests\/min/);
  });

  it('asks in the steps of the checks, never for more points than are allowed', async () => {
    aLife();
    const { run } = await installed();
    await run('shop', '--prometheus', '--deployed-at', iso(nowMs - 2 * hourMs));
    expect(server.asked.length).toBeGreaterThan(0);
    for (const form of server.asked) {
      const [start = 0, end = 0, step = 0] = ['start', 'end', 'step'].map((name) => Number(form.get(name)));
      expect(step).toBe(60);
      expect((end - start) / step + 1).toBeLessThanOrEqual(11_000);
    }
  });

  it('ends with a code that says what is wrong', async () => {
    const { run } = await installed();
    const scraped = await installed('kind: scrape, memory_limit_mb: 512');
    const at = ['--deployed-at', iso(nowMs - hourMs)];
    server.answer((_request, response) =>
      answerWith(response, { status: 'error', errorType: 'bad_data', error: 'no' }, 400),
    );
    expect(await run('shop', '--prometheus', ...at)).toMatchObject({
      code: 5,
      stderr: expect.stringContaining(
        `${server.url}, asked for requests: HTTP 400 Bad Request: bad_data: no`,
      ),
    });
    expect(await run('shop', '--prometheus')).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('the store knows no deployment between'),
    });
    for (const [args, said] of [
      [['--prometheus'], 'needs a product'],
      [['shop', ...at], '--deployed-at goes with --prometheus'],
      [['shop', '--prometheus', '--traces', 'x'], 'either --prometheus or --traces'],
      [['shop', '--prometheus', '--from', 'noon'], '--from "noon" is not a time'],
      [['shop', '--prometheus', ...at, '--to', iso(nowMs - 2 * hourMs)], 'is not between --from and --to'],
    ] as const)
      expect(await run(...args)).toMatchObject({ code: 2, stderr: expect.stringContaining(said) });
    expect(await scraped.run('shop', '--prometheus', ...at)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('cannot be asked about the past'),
    });
  });
});
