import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createLocalProcessTarget } from '../../adapters/deploy-target/local-process.ts';
import { openStore, type Store } from '../../adapters/store/store.ts';
import { freePort } from '../../worker/free-port.ts';
import { aStep, ask, layRelease, sampleCommand } from '../adapters/deploy-target/sample-service.ts';
import { aDeployment, shop } from '../adapters/store/builders.ts';
import { afterwards, cleanUp, eventually, freePorts, temporaryFolder } from '../adapters/temporary.ts';
import { createDevWorld, type DevProduct, type DevWorld } from '../support/dev-world.ts';
import { type CliRun, runCli, startCli } from './run-cli.ts';

const commands = [
  ...['init', 'config', 'completion'],
  ...['gate', 'deployed', 'release', 'floor'],
  ...['status', 'pause', 'resume'],
  ...['rollback', 'veto', 'acknowledge', 'retry', 'traffic', 'handover', 'resolve', 'abort'],
  ...['incidents', 'review', 'dashboard', 'backtest', 'calibrate'],
  ...['open', 'token', 'audit'],
  ...['up', 'doctor', 'mcp'],
];

afterEach(cleanUp);

describe('the command line', () => {
  it('watches every product on a terminal only: lines of many products would be nobody’s story', async () => {
    const { code, stderr } = await runCli(['status', '--watch'], {
      ORCHESTRATOR_API: 'http://127.0.0.1:9',
      ORCHESTRATOR_TOKEN: 'x',
    });
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining('without a terminal --watch needs a product'),
    });
  });

  it('lists every command by what one wants to do, and what the exit codes mean', async () => {
    const { code, stdout } = await runCli(['--help']);
    expect(code).toBe(0);
    const listed = [...stdout.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name);
    expect(listed).toEqual(commands);
    expect(stdout).toContain('Exit codes: 0 ok; 1 failure: refused, or it went wrong; 2 usage');
  });

  it('says which version it is', async () => {
    expect(await runCli(['--version'])).toMatchObject({ code: 0, stdout: '0.1.0\n' });
  });

  it('ends with 2 on wrong usage, and says what is allowed', async () => {
    const folder = await temporaryFolder();
    const place = ['--data', folder, '--api', 'http://127.0.0.1:9'];
    const env = { ORCHESTRATOR_TOKEN: 'x' };
    const wrong: [args: string[], said: RegExp][] = [
      [[], /Usage: orchestrator/],
      [['rolback', 'shop'], /Did you mean rollback/],
      [['deployed', 'shop'], /missing required argument 'release'/],
      [['status', '--color'], /unknown option '--color'/],
      [['deployed', 'shop', 'web=v1,jobs', ...place], /allowed are RELEASE or SERVICE=RELEASE/],
      [['deployed', 'shop', 'v1', '--at', 'yesterday', ...place], /--at "yesterday" is not a time/],
      [['pause', 'shop', '--until', 'tomorrow', ...place], /--until "tomorrow" is not a time/],
      [['pause', 'shop', '--minutes', '-5', ...place], /--minutes -5 is not a positive number/],
      [
        ['status', 'shop', '--watch', '--timeout', 'soon', ...place],
        /--timeout soon is not a positive number/,
      ],
      [['traffic', 'halt', 'shop', ...place], /allowed are resume and stop/],
      [['release', 'shop', 'v1', ...place], /either --good or --bad/],
      [['release', 'shop', 'v1', '--good', '--bad', ...place], /either --good or --bad/],
      [['dashboard', 'sales', ...place], /allowed is rollbacks/],
      [['dashboard', 'rollbacks', '--days', '1.5', ...place], /allowed is a whole number/],
      [['config', 'edit'], /allowed is check/],
      [['completion', 'tcsh'], /allowed are bash, zsh and fish/],
      [['up', '--only', 'page'], /allowed are api and worker/],
    ];
    const runs = await Promise.all(wrong.map(([args]) => runCli(args, env, folder)));
    for (const [i, [args, said]] of wrong.entries()) {
      expect({ args, code: runs[i]?.code }).toEqual({ args, code: 2 });
      expect(runs[i]?.stderr).toMatch(said);
    }
  });

  it('ends with 5 where no API is known or none answers, and with 2 without a token', async () => {
    const folder = await temporaryFolder();
    const [unknown, silent, tokenless] = await Promise.all([
      runCli(['status', '--data', folder]),
      runCli(['status', '--api', 'http://127.0.0.1:9', '--json'], { ORCHESTRATOR_TOKEN: 'x' }),
      runCli(['status', '--api', 'http://127.0.0.1:9', '--data', folder]),
    ]);
    expect(unknown.code).toBe(5);
    expect(unknown.stderr).toContain('no API is known: give --api URL');
    expect(silent.code).toBe(5);
    expect((JSON.parse(silent.stderr) as { error: string }).error).toContain('does not answer');
    expect(tokenless.code).toBe(2);
    expect(tokenless.stderr).toContain('no API token');
  });
});

describe('config check', () => {
  it('ends with 0 and the products of a valid file', async () => {
    const folder = await temporaryFolder();
    const file = join(folder, 'rollback-config.yml');
    await writeFile(file, configuration({ root: folder, port: 4_000 }));
    const run = await runCli(['config', 'check', '--config', file]);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(run.stdout).toContain(`${file} is valid; products: shop`);
    const found = await runCli(['config', 'check', '--json'], {}, folder);
    expect(JSON.parse(found.stdout)).toMatchObject({ products: ['shop'] });
    expect((await runCli(['config', 'check'], { ROLLBACK_CONFIG: file })).code).toBe(0);
  });

  it('ends with 2 and the line of every problem', async () => {
    const folder = await temporaryFolder();
    const file = join(folder, 'rollback-config.yml');
    await writeFile(file, 'rollback_policy:\n  enabled: perhaps\n  monitorng: {}\n');
    const run = await runCli(['config', 'check', '--config', file]);
    expect(run.code).toBe(2);
    expect(run.stdout).toBe('');
    expect(run.stderr).toContain(`${file}:2:12: `);
    expect(run.stderr).toContain(`${file}:3:3: `);
    const missing = await runCli(['config', 'check', '--config', join(folder, 'nothing.yml')]);
    expect(missing.code).toBe(2);
  });
});

describe('against a running API', () => {
  let world: DevWorld;
  let env: NodeJS.ProcessEnv;
  beforeAll(async () => {
    world = await createDevWorld();
    env = {
      ORCHESTRATOR_API: world.api.url,
      ORCHESTRATOR_TOKEN: world.token,
      ORCHESTRATOR_USER: 'ana',
      ORCHESTRATOR_DATA: world.folder,
    };
  });
  afterAll(() => world?.end());

  const cli = (...args: string[]): Promise<CliRun> => runCli(args, env);
  const json = async <Answer = Record<string, unknown>>(...args: string[]): Promise<Answer> => {
    const { code, stdout, stderr } = await cli(...args, '--json');
    expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' });
    return JSON.parse(stdout) as Answer;
  };

  async function aBadDeployment(product: string): Promise<DevProduct> {
    const made = world.addProduct(product);
    await made.haveGood('v1');
    await made.service.deploy('v2');
    expect((await cli('deployed', product, 'v2', '--id', 'deploy-v2')).code).toBe(0);
    return made;
  }

  it('reports deployments and shows them', async () => {
    const { product, service } = world.addProduct('reported');
    await service.deploy('v1');
    const first = await cli('deployed', product, 'v1', '--id', 'build-1', '--at', new Date().toISOString());
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.stdout).toMatch(/^Recorded: build-1 of reported, v1, watching\nStory: http/);
    expect((await cli('deployed', product, 'v1', '--id', 'build-1')).stdout).toContain('Known already');
    expect(await json('deployed', product, 'web=v1', '--id', 'build-1')).toMatchObject({ isNew: false });
    await eventually(async () => (await cli('status', product)).stdout.includes('last check'));
    const status = await cli('status', product);
    expect(status.stdout).toMatch(/^reported: v1, watching\n {2}deployment build-1, since /);
    expect(status.stdout).toContain('Deploy v1 to production');
    expect((await cli('status')).stdout).toContain('reported: v1, watching');
    expect(await json('status', product)).toMatchObject({ current: { deployment: 'build-1' } });
  });

  it('declares a rollback floor with a deployment or by itself, shows it, and lifts it', async () => {
    const { product, service } = world.addProduct('floors');
    await service.deploy('v2');
    const given = ['--rollback-floor', 'v2', '--floor-reason', 'drops a column'];
    expect((await cli('deployed', product, 'v2', ...given)).code).toBe(0);
    expect((await cli('status', product)).stdout).toMatch(
      /^ {2}rollback floor of web: v2, by \S+: drops a column$/m,
    );
    expect((await cli('floor', product, 'v3', 'renames a table')).stdout).toContain(
      'v3 of web was never deployed here',
    );
    expect((await cli('floor', product, '--lift', 'migrated back')).code).toBe(0);
    expect((await cli('status', product)).stdout).not.toContain('rollback floor');
    for (const wrong of [
      ['floor', product],
      ['floor', product, 'v1', 'x', '--lift'],
    ])
      expect((await cli(...wrong)).code).toBe(2);
  });

  it('accepts a leading /orchestrator, as a chat hands it over', async () => {
    const run = await runCli(['/orchestrator', 'status', '--json'], env);
    expect(run.code).toBe(0);
    expect(JSON.parse(run.stdout)).toBeInstanceOf(Array);
  });

  it('ends with 3 for a product, an incident or a rollback that nobody knows', async () => {
    world.addProduct('calm');
    const runs = await Promise.all([
      cli('status', 'nobody'),
      cli('deployed', 'nobody', 'v1'),
      cli('incidents', 'inc-9'),
      cli('acknowledge', 'calm'),
      cli('status', 'calm', '--watch'),
    ]);
    expect(runs.map(({ code }) => code)).toEqual([3, 3, 3, 3, 3]);
    expect(runs[0]?.stderr).toContain('unknown product nobody; known: ');
  });

  it('ends with 2 for what the API finds malformed, and with 1 for what it refuses', async () => {
    world.addProduct('refusing');
    const malformed = await cli('deployed', 'refusing', 'V 1');
    expect(malformed).toMatchObject({ code: 2, stdout: '' });
    expect(malformed.stderr).toContain('release "V 1" must start with');
    const refused = await cli('rollback', 'refusing');
    expect(refused.code).toBe(1);
    expect(refused.stdout).toMatch(/^Refused: no deployment .* nothing to roll back\n$/);
    const stranger = await runCli(['status'], { ...env, ORCHESTRATOR_TOKEN: 'wrong' });
    expect(stranger.code).toBe(1);
    expect(stranger.stderr).toContain('the bearer token is none of this installation');
  });

  it('makes a token that may do what its role allows and no more, lists and revokes it, and shows who did what', async () => {
    world.addProduct('guarded');
    const made = await cli(
      'token',
      'create',
      'ci',
      '--role',
      'pipeline',
      '--product',
      'guarded',
      '--days',
      '7',
    );
    const [secret = ''] = made.stdout.split('\n');
    expect(made.stdout).toContain('ci: pipeline of guarded, expires ');
    const asPipeline = { ...env, ORCHESTRATOR_TOKEN: secret };
    const refused = await runCli(['rollback', 'guarded', 'UI broken'], asPipeline);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(
      'ci has pipeline of guarded; this needs one of the roles operator, owner, admin for guarded',
    );
    expect((await cli('token', 'list')).stdout).toMatch(/^ci {2}pipeline of guarded {2}serves, expires /m);
    expect((await cli('audit', '--product', 'guarded')).stdout).toMatch(
      / ana \(token ci\) \(127\.0\.0\.1\) {2}POST \/v1\/products\/\{product\}\/rollback {2}guarded: UI broken {2}→ 403 /,
    );
    expect((await cli('token', 'revoke', 'ci')).stdout).toBe('the token ci serves no longer\n');
    expect((await runCli(['status'], asPipeline)).stderr).toContain('the token ci was revoked on ');
    expect((await cli('token', 'create', 'x', '--role', 'king')).code).toBe(2);
  });

  it('prints a link that opens the page once', async () => {
    const [link = ''] = (await cli('open')).stdout.split('\n');
    const opened = await fetch(link, { redirect: 'manual' });
    expect([opened.status, opened.headers.get('location')]).toEqual([303, '/']);
    expect((await fetch(link, { redirect: 'manual' })).status).toBe(401);
  });

  it('pauses and resumes', async () => {
    const { product } = world.addProduct('pausing');
    const paused = await cli('pause', product, 'migration tonight', '--minutes', '90');
    expect(paused).toMatchObject({ code: 0 });
    expect(paused.stdout).toContain('automatic rollback of pausing is paused until ');
    expect((await cli('status', product)).stdout).toContain('paused by ana until');
    await json('pause', product, '--until', new Date(Date.now() + 60_000).toISOString());
    expect((await cli('resume', product)).stdout).toContain('is resumed');
    expect(await json('status', product)).toMatchObject({ pause: null });
  });

  it('declares releases good or bad', async () => {
    const { product } = world.addProduct('declaring');
    expect((await cli('release', product, 'v5', 'tested', '--good')).stdout).toContain(
      'v5 of declaring is good now',
    );
    await json('release', product, 'v6', 'leaks', '--bad', '--service', 'web');
    const standings = await world.store.releases.list({ product, environment: 'production' });
    expect(standings).toMatchObject([
      { release: 'v6', standing: 'quarantined', author: 'ana', reason: 'leaks' },
      { release: 'v5', standing: 'good', author: 'ana', reason: 'tested' },
    ]);
  });

  it('rolls back, and whoever watches ends with 4; the incident can be read and reviewed', async () => {
    const { product, service } = await aBadDeployment('rolled');
    const plan = await cli('rollback', product, '--dry-run');
    expect(plan.stdout).toMatch(/^web: v2 is live\n {2}→ v1: served .*; restorable: yes/);
    expect(await json('rollback', product, '--dry-run')).toMatchObject({ services: [{ service: 'web' }] });
    const watching = startCli(['status', product, '--watch', '--timeout', '60'], env);
    await eventually(() => watching.said().includes('Deploy v2'));
    const rollback = await cli('rollback', product, 'CEO noticed UI breaking');
    expect(rollback).toMatchObject({ code: 0, stderr: '' });
    const watched = await watching.ended;
    expect(watched.code).toBe(4);
    expect(watched.stdout).toContain('CEO noticed UI breaking');
    expect(watched.stdout).toMatch(/deploy-v2 ended: rolled_back/);
    expect(service.state).toMatchObject({ running: 'v1', maintenance: false });
    const [incident] = await json<{ id: string }[]>('incidents', '--product', product);
    const id = incident?.id as string;
    expect((await cli('incidents')).stdout).toContain(`${id}  `);
    expect((await cli('incidents', id)).stdout).toContain('CEO noticed UI breaking');
    const reviewed = await cli('review', id, 'batch the query', '--verdict', 'confirmed');
    expect(reviewed).toMatchObject({ code: 0 });
    const again = await cli('review', id, 'me too');
    expect(again).toMatchObject({ code: 1, stdout: 'Refused: reviewed already by ana\n' });
    const statistics = await cli('dashboard', 'rollbacks', '--days', '30');
    expect(statistics.stdout).toContain('**Recent Rollbacks**:');
    expect(statistics.stdout).toContain('rolled: CEO noticed UI breaking → rolled_back');
    expect(await json('dashboard', 'rollbacks')).toMatchObject({ manualRollbacks: expect.any(Number) });
  });

  it('gives up watching with 124', async () => {
    const { product, service } = world.addProduct('patient');
    await service.deploy('v1');
    await cli('deployed', product, 'v1');
    const run = await cli('status', product, '--watch', '--timeout', '1');
    expect(run.code).toBe(124);
    expect(run.stderr).toContain('has not ended after 1 s');
  });

  it('passes a person’s words to an escalation', async () => {
    const { product, service } = await aBadDeployment('escalated');
    service.fail('restore', 'the disk is full', Number.POSITIVE_INFINITY);
    await cli('rollback', product, 'UI breaking', '--to', 'v1');
    const escalated = () =>
      eventually(async () => {
        const status = await world.api.operations.planRollback({ product, environment: 'production' });
        const told = await cli('status', product);
        return status !== null && told.stdout.includes('(escalated)');
      }, 20_000);
    await escalated();
    expect((await cli('abort', product)).stdout).toContain('Refused: no step is running');
    expect(await cli('acknowledge', product)).toMatchObject({ code: 0, stdout: 'acknowledge accepted\n' });
    expect(await cli('traffic', 'resume', product)).toMatchObject({ code: 0 });
    await eventually(() => !service.state.maintenance);
    expect(await cli('retry', product, '--to', 'v1')).toMatchObject({ code: 0 });
    await eventually(() => service.calls.filter((call) => call === 'restore v1').length === 2);
    await escalated();
    const handed = await json('handover', product, 'database team has it', '--to-person', 'ben');
    expect(handed).toMatchObject({ accepted: true });
    const incident = await eventually(async () => {
      const [found] = await world.store.incidents.list({ product, limit: 1 });
      return found?.outcome === null ? null : found;
    });
    expect(incident.outcomeReason).toContain('handed over by ana: to ben: database team has it');
    await eventually(async () => (await cli('resolve', product)).code === 3);
  });

  it('the doctor asks a configured server, and finds one that does not answer', async () => {
    const folder = await temporaryFolder();
    const file = join(folder, 'rollback-config.yml');
    await writeFile(file, '');
    const args = ['doctor', '--config', file, '--data', join(folder, 'data')];
    const well = await runCli(args, { TEMPORAL_ADDRESS: world.server.address });
    expect(well.code).toBe(0);
    expect(well.stdout).toContain(`ok   temporal: TEMPORAL_ADDRESS (${world.server.address})`);
    expect(well.stdout).toContain(`ok   configuration: ${file}`);
    expect(well.stdout).toContain('ok   store: SQLite, ');
    expect(well.stdout).toContain('ok   search attributes: registered');
    expect(well.stdout).toMatch(/ok {3}clock: within \d+ ms of the server/);
    const [ill, lost] = await Promise.all([
      runCli([...args, '--json'], { TEMPORAL_ADDRESS: '127.0.0.1:9' }),
      runCli(args, { TEMPORAL_ADDRESS: world.server.address, TEMPORAL_NAMESPACE: 'nowhere' }),
    ]);
    expect(ill.code).toBe(1);
    const findings = JSON.parse(ill.stdout) as { what: string; ok: boolean; detail: string }[];
    expect(findings.find(({ what }) => what === 'temporal')).toMatchObject({
      ok: false,
      detail: 'TEMPORAL_ADDRESS (127.0.0.1:9) does not answer',
      mend: expect.stringContaining('start the server at 127.0.0.1:9'),
    });
    expect(lost.code).toBe(1);
    expect(lost.stdout).toContain('FAIL temporal: ');
  });
});

describe('up', () => {
  it('runs everything on one machine until it is told to stop, and leaves nothing behind', {
    timeout: 90_000,
  }, async () => {
    const folder = await temporaryFolder();
    const file = join(folder, 'rollback-config.yml');
    await writeFile(file, '');
    const data = join(folder, 'data');
    const ports = [
      ...['--port', String(await freePort()), '--ui-port', String(await freePort())],
      ...['--temporal-port', String(await freePort()), '--metrics-port', String(await freePort())],
    ];
    // The program of the embedded server is in this machine's cache.
    const env = { HOME: homedir(), XDG_CACHE_HOME: process.env.XDG_CACHE_HOME };
    const up = startCli(['up', '--config', file, '--data', data, ...ports], env, folder);
    afterwards(() => killServerOf(data));
    await eventually(() => up.said().includes('ready\n') || up.child.exitCode !== null, 60_000);
    expect(up.said()).toContain('products: none yet');
    const place = JSON.parse(await readFile(join(data, 'api.json'), 'utf8')) as {
      url: string;
      metrics: string;
    };
    expect((await stat(join(data, 'api-token'))).mode & 0o777).toBe(0o600);
    expect((await stat(data)).mode & 0o777).toBe(0o700);
    expect((await fetch(`${place.url}/readyz`)).status).toBe(200);
    expect(await (await fetch(place.metrics)).text()).toContain('temporal_');
    expect(await runCli(['status', '--data', data])).toMatchObject({
      code: 0,
      stdout: 'No products are configured.\n',
    });
    const temporalPid = await serverPidOf(data);
    up.child.kill('SIGTERM');
    expect(await up.ended).toMatchObject({ code: 0 });
    expect(isRunning(temporalPid as number)).toBe(false);
  });
});

describe('rollback --direct, with Temporal down', { timeout: 60_000 }, () => {
  let store: Store;
  let args: string[];
  let target: ReturnType<typeof createLocalProcessTarget>;
  let data: string;
  const signal = AbortSignal.timeout(600_000);
  const env = { ORCHESTRATOR_USER: 'ana', TEMPORAL_ADDRESS: '127.0.0.1:9' };

  /** v1 has served for a day, v2 is live; both are real processes. */
  async function aShop(): Promise<void> {
    const folder = await temporaryFolder();
    const port = await freePorts(1);
    const root = join(folder, 'production');
    data = join(folder, 'data');
    await mkdir(data);
    for (const release of ['v1', 'v2']) await layRelease(root, 'web', release);
    target = createLocalProcessTarget({
      root,
      services: { web: { command: sampleCommand, instances: 1, basePort: port } },
    });
    await target.restore('web', 'v2', aStep('pipeline'));
    await target.restart('web', aStep('pipeline'));
    const file = join(folder, 'rollback-config.yml');
    await writeFile(file, configuration({ root, port }));
    args = ['rollback', 'shop', 'UI breaking', '--direct', '--config', file, '--data', data];
    store = await openStore(join(data, 'store.db'));
    afterwards(() => store.close());
    const v1 = aDeployment('deploy-v1', { services: [{ service: 'web', release: 'v1' }] });
    await store.deployments.register(v1);
    await store.deployments.setGood(v1, 24 * 3_600_000);
    await store.deployments.register(aDeployment('deploy-v2', { deployedAtMs: Date.now() }));
    await eventually(async () => (await liveRelease()) === 'v2');
  }

  async function liveRelease(): Promise<string> {
    const { instances } = await target.live('web', signal);
    return ask(instances[0]?.url ?? null).then(
      ({ release }) => release,
      () => 'none',
    );
  }

  it('takes the row, rolls back, and leaves an incident and a deployment', async () => {
    await aShop();
    const run = await runCli([...args, '--json'], env);
    expect(run.code, run.stderr).toBe(0);
    const { id, reason } = JSON.parse(run.stdout) as { id: string; reason: string };
    expect(id).toMatch(/^direct\//);
    expect(reason).toContain('rolled back to v1');
    expect(run.stderr).toMatch(
      /- Rollback of web to v1 \(served .*\)\n.*- web restarted\n.*- Health checks: PASS/,
    );
    expect(await liveRelease()).toBe('v1');
    const [incident] = await store.incidents.list({ limit: 5 });
    expect(incident).toMatchObject({
      origin: 'direct',
      outcome: 'rolled_back',
      reason: 'ana: UI breaking',
      from: [{ service: 'web', release: 'v2' }],
      to: [{ service: 'web', release: 'v1' }],
    });
    const row = await store.products.read(shop);
    expect(row).toMatchObject({ rollback: null, currentDeployment: `rollback-${id.replace('/', '-')}` });
    const [newest, bad] = await store.deployments.list({ limit: 5 });
    expect(newest).toMatchObject({ origin: 'rollback', status: 'watching', services: [{ release: 'v1' }] });
    expect(bad).toMatchObject({ deployment: 'deploy-v2', outcome: 'rolled_back' });
    expect(await store.releases.list(shop)).toMatchObject([
      { release: 'v2', standing: 'held', author: 'ana' },
    ]);
    expect(await store.audit.list({ limit: 5 })).toMatchObject([
      {
        who: 'ana',
        call: 'rollback --direct',
        from: 'the command line, without Temporal',
        why: 'UI breaking',
        status: 200,
      },
    ]);
    const journal = (await readFile(join(data, 'direct-journal.jsonl'), 'utf8')).trim().split('\n');
    expect(journal.map((line) => (JSON.parse(line) as { id: string }).id)).toEqual(journal.map(() => id));
  });

  it('is refused while a rollback holds the row, unless it is forced', async () => {
    await aShop();
    await store.products.change(shop, (row) => ({
      ...row,
      rollback: { id: 'inc-1', deployment: 'deploy-v2', sinceMs: Date.now() },
    }));
    const refused = await runCli(args, env);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain('rollback inc-1 of deploy-v2 is already running; --force takes it over');
    expect(await liveRelease()).toBe('v2');
    expect(await runCli([...args, '--force'], env)).toMatchObject({ code: 0 });
    expect(await liveRelease()).toBe('v1');
    expect((await store.products.read(shop)).rollback).toBeNull();
  });

  it('holds nothing where there is nothing to go back to', async () => {
    await aShop();
    const gone = await runCli([...args, '--to', 'v9'], env);
    expect(gone.code).toBe(1);
    expect(gone.stderr).toContain('there is no restorable release for web');
    expect((await store.products.read(shop)).rollback).toBeNull();
    expect(await liveRelease()).toBe('v2');
  });

  it('changes nothing when somebody else has put another release live', async () => {
    await aShop();
    await layRelease(join(data, '..', 'production'), 'web', 'v3');
    await target.restore('web', 'v3', aStep('by-hand'));
    await target.restart('web', aStep('by-hand'));
    await eventually(async () => (await liveRelease()) === 'v3');
    const run = await runCli(args, env);
    expect(run.code).toBe(1);
    expect(run.stderr).toContain('somebody else changed web');
    expect(await liveRelease()).toBe('v3');
  });

  it('the doctor looks at the target and its health, and says what is wrong', async () => {
    await aShop();
    const run = await runCli(['doctor', ...args.slice(4)], env);
    expect(run.code).toBe(1);
    expect(run.stdout).toContain('FAIL temporal: TEMPORAL_ADDRESS (127.0.0.1:9) does not answer');
    expect(run.stdout).toContain('ok   shop/web target: v2 configured, 1 instances running');
    expect(run.stdout).toContain('ok   shop/web health: 1 instances healthy');
    expect(run.stdout).toContain('FAIL shop/web metrics: ');
  });
});

function configuration({ root, port }: { root: string; port: number }): string {
  return `products:
  shop:
    owner: { name: Ana }
    services:
      web:
        deploy_target:
          kind: local-process
          root: ${JSON.stringify(root)}
          command: ${JSON.stringify(sampleCommand)}
          instances: 1
          base_port: ${port}
        metrics: { kind: scrape, memory_limit_mb: 512 }
        health: { path: / }
`;
}

/** The embedded server has a session of its own: it outlives an \`up\` that is killed. */
async function killServerOf(data: string): Promise<void> {
  const pid = await serverPidOf(data);
  if (pid !== null && isRunning(pid)) process.kill(pid, 'SIGKILL');
}

async function serverPidOf(data: string): Promise<number | null> {
  const record = await readFile(join(data, 'temporal.json'), 'utf8').catch(() => null);
  return record === null ? null : (JSON.parse(record) as { server: { pid: number } }).server.pid;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
