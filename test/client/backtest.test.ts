import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { openStore, type Store } from '../../adapters/store/store.ts';
import type { Tick } from '../../adapters/store/watches.ts';
import { Random } from '../../bench/detection/random.ts';
import { makeTrace } from '../../bench/detection/traffic.ts';
import { traceText } from '../../bench/detection/write-traces.ts';
import { decide } from '../../client/backtest/judge-trace.ts';
import { parseTrace } from '../../client/backtest/read-trace.ts';
import { noCounts } from '../../domain/sample.ts';
import { sampleCommand } from '../adapters/deploy-target/sample-service.ts';
import { aDeployment, anIncident, aWatch, shop } from '../adapters/store/builders.ts';
import { cleanUp, temporaryFolder } from '../adapters/temporary.ts';
import { runCli } from './run-cli.ts';

afterEach(cleanUp);

describe('backtest of recorded traces', () => {
  it('writes the minute of every rollback, and counts by the labels', async () => {
    const { folder, texts } = await someTraces();
    const labels = [
      { id: 'calm', kind: 'null', onset_min: null },
      { id: 'worse', kind: 'regression', onset_min: 0, detectable: true },
      { id: 'slow', kind: 'regression', onset_min: 0, detectable: true },
    ];
    await writeFile(join(folder, 'labels.json'), JSON.stringify(labels));
    const out = join(folder, 'out', 'decisions.json');
    const plots = join(folder, 'plots');
    const run = await runCli(['backtest', '--traces', folder, '--out', out, '--plot', plots]);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    const expected = Object.fromEntries(
      Object.entries(texts).map(([id, text]) => [id, decide(parseTrace(text, id))?.minute ?? null]),
    );
    expect(JSON.parse(await readFile(out, 'utf8'))).toEqual(expected);
    expect(expected).toMatchObject({ calm: null, worse: expect.any(Number), slow: expect.any(Number) });
    expect(run.stdout).toContain('the default policy: 2 of 3 traces rolled back');
    expect(run.stdout).toMatch(
      /0 false rollbacks of 1 healthy, 0 before the onset; recall 100.0 % of 2, delay/,
    );
    expect((await readdir(plots)).toSorted()).toEqual(['calm.svg', 'slow.svg', 'worse.svg']);
  });

  it('says when and why, as text, as JSON, and drawn', async () => {
    const { folder } = await someTraces();
    const defaults = join(folder, 'defaults.yml');
    await writeFile(defaults, '{}\n');
    const [text, json, one, none] = await Promise.all([
      runCli(['backtest', '--traces', folder]),
      runCli(['backtest', '--traces', folder, '--json']),
      runCli(['backtest', '--traces', folder, '--case', 'worse', '--policy', defaults]),
      runCli(['backtest', '--traces', folder, '--case', 'nothing']),
    ]);
    expect(text.stdout).toMatch(/^worse {2}minute \d+: error rate/m);
    expect(text.stdout).toMatch(/^slow {2}minute \d+: p95/m);
    const { policies, problems } = JSON.parse(json.stdout) as {
      policies: { decisions: Record<string, unknown> }[];
      problems: unknown[];
    };
    expect(problems).toEqual([]);
    expect(policies[0]?.decisions).toMatchObject({ calm: null, worse: { trigger: 'error_rate' } });
    expect(one.stdout).toMatch(/^errors\/min +[▁▂▃▄▅▆▇█ ]+ ≤ [\d.]+$/m);
    expect(one.stdout).toMatch(/▲ minute \d+$/m);
    expect(one.stdout).toContain(`${defaults}: 1 of 1 traces rolled back`);
    expect(none).toMatchObject({ code: 3, stdout: '' });
  });

  it('compares two policies', async () => {
    const { folder } = await someTraces();
    const deaf = join(folder, 'deaf.yml');
    await writeFile(
      deaf,
      'rollback_policy:\n  triggers:\n    error_rate: { enabled: false }\n    database: { dry_run: true }\n',
    );
    const run = await runCli(['backtest', '--traces', folder, '--against', deaf]);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    const lines = run.stdout.split('\n');
    expect(lines[0]).toBe('worse');
    expect(lines[1]).toMatch(/^ {2}the default policy: minute \d+: error rate/);
    expect(lines[2]).toBe(`  ${deaf}: not rolled back`);
    expect(run.stdout).not.toContain('slow\n');
    expect(run.stdout).toContain('the default policy: 2 of 3 traces rolled back');
    expect(run.stdout).toContain(`${deaf}: 1 of 3 traces rolled back`);
  });

  it('loses no other trace to a bad file, and ends with 1', async () => {
    const { folder } = await someTraces();
    await writeFile(join(folder, 'broken.csv.gz'), 'this is no gzip');
    await writeFile(join(folder, 'cells.csv'), 't,req,err,p95_ms,mem_pct,db_err,hc_fail\n0,1,many,,,,\n');
    await writeFile(join(folder, 'slow.csv.gz'), gzipSync('t,req,err\n'));
    const out = join(folder, 'decisions.json');
    const run = await runCli(['backtest', '--traces', folder, '--out', out]);
    expect(run.code).toBe(1);
    expect(run.stderr).toMatch(/broken\.csv\.gz: cannot be unpacked: .*; allowed is gzip/);
    expect(run.stderr).toMatch(
      /cells\.csv:2: column err: found "many", allowed is a number from 0, or nothing/,
    );
    expect(run.stderr).toMatch(/slow\.csv\.gz: the id slow is taken by .*slow\.csv; allowed is one file/);
    expect(Object.keys(JSON.parse(await readFile(out, 'utf8')) as object)).toEqual(['calm', 'slow', 'worse']);
  });

  it('ends with 2 on wrong usage, and says what is allowed', async () => {
    const folder = await temporaryFolder();
    const policy = join(folder, 'policy.yml');
    await writeFile(policy, 'rollback_policy:\n  detection: guess\n');
    await mkdir(join(folder, 'traces'));
    await writeFile(join(folder, 'traces', 'a.csv'), 't,req,err\n');
    const wrong: [args: string[], said: RegExp][] = [
      [['--traces', join(folder, 'nothing')], /--traces .*nothing cannot be read: ENOENT/],
      [['--traces', folder], /found no \*\.csv\.gz and no \*\.csv there/],
      [['--traces', join(folder, 'traces'), '--policy', policy], /policy\.yml:2:14: .*detection/],
      [['--out', 'x.json'], /--out goes with --traces/],
      [['--days', '0'], /--days 0: allowed is a whole number from 1/],
    ];
    const runs = await Promise.all(wrong.map(([args]) => runCli(['backtest', ...args], {}, folder)));
    for (const [i, [args, said]] of wrong.entries()) {
      expect({ args, code: runs[i]?.code }).toEqual({ args, code: 2 });
      expect(runs[i]?.stderr).toMatch(said);
    }
  });
});

describe('backtest and calibrate of an installation', () => {
  it('sets what a policy would have done beside what happened, and says what is known', async () => {
    const { folder, config, tolerant } = await anInstallation();
    const here = ['--data', folder, '--config', config];
    const plots = join(folder, 'plots');
    const [text, json, two, one, unknown, known, stranger] = await Promise.all([
      runCli(['backtest', 'shop', ...here]),
      runCli(['backtest', ...here, '--json']),
      runCli(['backtest', 'shop', ...here, '--against', tolerant, '--days', '1']),
      runCli(['backtest', 'shop', ...here, '--case', 'bad', '--plot', plots]),
      runCli(['backtest', 'bakery', ...here]),
      runCli(['calibrate', 'shop', ...here]),
      runCli(['calibrate', 'bakery', ...here]),
    ]);
    expect(text).toMatchObject({ code: 0, stderr: '' });
    expect(text.stdout).toMatch(
      /shop bad, v2, measured for 90 min\n {2}this policy: minute \d+(\.\d)?: error rate .*\n {2}really: rolled_back, minute 52: too many errors \(inc-bad\)/,
    );
    expect(text.stdout).toMatch(
      /shop accused, v3, .*\n {2}this policy: not rolled back\n {2}really: rolled_back, .* \(inc-accused, a false alarm by its review\)/,
    );
    expect(text.stdout).toMatch(/shop forgotten, v2, no measurements are kept\n {2}really: superseded\n/);
    expect(text.stdout).toContain('1 of 4 deployments rolled back; of 1 more no measurements are kept');
    expect(text.stdout).toMatch(
      /of 1 with an incident 1 \(median minute \d+(\.\d)?\), of 1 false alarms 0, of 2 healthy ones 0/,
    );
    const { cases } = JSON.parse(json.stdout) as { cases: { truth: string; decisions: unknown[] }[] };
    expect(cases.map(({ truth }) => truth)).toEqual(['good', 'bad', 'false_alarm', 'unknown', 'good']);
    expect(cases[1]?.decisions).toMatchObject([{ service: 'web', trigger: 'error_rate' }]);
    expect(two.stdout).toContain(`  ${tolerant}: not rolled back`);
    expect(two.stdout).not.toContain('shop accused');
    expect(two.stdout).toContain(`${tolerant}: 0 of 3 deployments rolled back`);
    expect(one.stdout).toMatch(/▲ minute \d+/);
    expect(await readdir(plots)).toEqual(['shop-bad-web.svg']);
    expect(unknown).toMatchObject({ code: 3, stderr: expect.stringContaining('known: shop') });

    expect(known).toMatchObject({ code: 0, stderr: '' });
    expect(known.stdout).toMatch(/^web: [\d.]+ days of history\n {2}usual at this hour: [\d.]+ errors\/min/);
    expect(known.stdout).toMatch(
      /with this service's habits a tripling of errors is seen after \d+ min when it begins with the deployment, after \d+ min when it begins hours later/,
    );
    expect(known.stdout).toMatch(/memory falls back to at most 40 %, reaches 40 %/);
    expect(known.stdout).toContain('jobs: no days of history\n  nothing was learned yet: 0 of 60 checks');
    expect(stranger.code).toBe(3);
  });
});

/** A calm trace, one with many errors, and one that is slow and is no gzip. */
async function someTraces() {
  const folder = await temporaryFolder();
  const options = { noise: 'poisson', requestsPerMinute: 1_000 } as const;
  const drawn = (what?: 'err_x10' | 'lat_x3') => {
    const regression = what === undefined ? {} : { regression: { what, onset: 'immediate' as const } };
    return traceText(makeTrace(new Random('backtest'), { ...options, ...regression }).trace);
  };
  const texts = { calm: drawn(), worse: drawn('err_x10'), slow: drawn('lat_x3') };
  await writeFile(join(folder, 'calm.csv.gz'), gzipSync(texts.calm));
  await writeFile(join(folder, 'worse.csv.gz'), gzipSync(texts.worse));
  await writeFile(join(folder, 'slow.csv'), texts.slow);
  return { folder, texts };
}

const minuteMs = 60_000;

/** A day of a good deployment, a bad one, one that was accused wrongly, one without ticks, and a good one. */
async function anInstallation() {
  const folder = await temporaryFolder();
  const config = join(folder, 'rollback-config.yml');
  const tolerant = join(folder, 'tolerant.yml');
  const reach = `{ deploy_target: { kind: local-process, root: ${JSON.stringify(folder)}, command: ${JSON.stringify(sampleCommand)}, instances: 1, base_port: PORT }, metrics: { kind: scrape, memory_limit_mb: 512 }, health: { path: / } }`;
  await writeFile(
    config,
    `products:\n  shop:\n    owner: { name: Ana }\n    services:\n      web: ${reach.replace('PORT', '4000')}\n      jobs: ${reach.replace('PORT', '4100')}\n`,
  );
  await writeFile(tolerant, 'rollback_policy:\n  triggers:\n    error_rate: { multiplier: 15 }\n');
  const store = await openStore(join(folder, 'store.db'));
  const hoursAgo = (hours: number) => Math.floor(Date.now() / minuteMs) * minuteMs - hours * 60 * minuteMs;
  const random = new Random('installation');
  const usual = () => random.poisson(2);
  await deploy(store, 'first', { release: 'v1', atMs: hoursAgo(46), minutes: 1_500, errors: usual });
  await store.deployments.end({ ...shop, deployment: 'first' }, 'healthy', 'watched', hoursAgo(20));
  await deploy(store, 'bad', {
    release: 'v2',
    atMs: hoursAgo(19),
    minutes: 90,
    errors: (minute) => (minute < 30 ? usual() : random.poisson(20)),
  });
  await accuse(store, 'bad', hoursAgo(19) + 52 * minuteMs, null);
  await deploy(store, 'accused', { release: 'v3', atMs: hoursAgo(16), minutes: 60, errors: usual });
  await accuse(store, 'accused', hoursAgo(16) + 50 * minuteMs, 'False alarm');
  await store.deployments.register(aDeployment('forgotten', { deployedAtMs: hoursAgo(14) }));
  await deploy(store, 'last', { release: 'v4', atMs: hoursAgo(13), minutes: 300, errors: usual });
  await store.deployments.end({ ...shop, deployment: 'last' }, 'healthy', 'watched', hoursAgo(1));
  await store.close();
  return { folder, config, tolerant };
}

async function deploy(
  store: Store,
  deployment: string,
  life: {
    readonly release: string;
    readonly atMs: number;
    readonly minutes: number;
    readonly errors: (minute: number) => number;
  },
): Promise<void> {
  const services = [{ service: 'web', release: life.release }];
  await store.deployments.register(aDeployment(deployment, { services, deployedAtMs: life.atMs }));
  const ticks = Array.from({ length: life.minutes }, (_, minute): Tick => {
    const atMs = life.atMs + (minute + 1) * minuteMs;
    const measured = { ...noCounts, requests: 400, errors: life.errors(minute), memoryPercent: 40 };
    const latency = { boundsMs: [50, 100, 200], counts: [200, 180, 18, 2] };
    const times = { tick: atMs, regular: true, atMs, durationMs: minute === 0 ? 0 : minuteMs };
    return {
      service: 'web',
      kind: 'sample',
      sample: { ...measured, latency, ...times, probes: [], missing: [] },
    };
  });
  const key = { ...shop, deployment };
  await store.watches.record(key, aWatch(life.atMs + life.minutes * minuteMs), ticks);
}

async function accuse(store: Store, deployment: string, atMs: number, verdict: string | null): Promise<void> {
  const review = verdict === null ? null : { by: 'ana', verdict, note: '', atMs };
  const outcome = 'rolled_back' as const;
  const reason = 'too many errors';
  await store.incidents.save(
    anIncident(`inc-${deployment}`, { deployment, reason, openedAtMs: atMs, outcome, review }),
  );
  await store.deployments.end({ ...shop, deployment }, outcome, reason, atMs);
}
