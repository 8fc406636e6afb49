import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createRollbackClient, type RollbackClient } from '../../client/rollback-client.ts';
import { cleanUp, eventually, temporaryFolder } from '../adapters/temporary.ts';
import { createDevWorld, type DevWorld } from '../support/dev-world.ts';
import { runCli } from './run-cli.ts';

let world: DevWorld;
let client: RollbackClient;
beforeAll(async () => {
  world = await createDevWorld();
  client = createRollbackClient({ url: world.api.url, token: world.token });
});
afterAll(() => world?.end());
afterEach(cleanUp);

/** v1 is good and live. */
async function aGoodProduct(product: string) {
  const made = world.addProduct(product);
  await made.haveGood('v1');
  return made;
}

const cli = (...args: string[]) =>
  runCli([...args, '--api', world.api.url], { ORCHESTRATOR_TOKEN: world.token, ORCHESTRATOR_USER: 'ana' });

describe('the gate of the API and the command line', () => {
  it('is open where the release that is live could be put back, and says so', async () => {
    await aGoodProduct('open');
    const answer = await client.gate({ product: 'open' }, { release: 'v2' });
    expect(answer).toMatchObject({
      open: true,
      overridden: false,
      readiness: { services: [{ target: 'v1' }] },
    });
    const { code, stdout } = await cli('gate', 'open', 'v2');
    expect(code).toBe(0);
    expect(stdout).toMatch(/ok {3}way back: v1 can be put back \(readiness 100 %\)/);
    expect(stdout.trim().split('\n').at(-1)).toBe('The gate of open is open.');
  });

  it('is shut, with the reason and the way past it, where a rollback would not work', async () => {
    const { service } = await aGoodProduct('unready');
    service.state.unrestorable.add('v1');
    const { code, stdout } = await cli('gate', 'unready', 'v2');
    expect(code).toBe(6);
    expect(stdout).toMatch(/^NO {3}way back: a rollback would not work .*its image is gone/m);
    expect(stdout).toMatch(/^ {5}way past it: mend it and look again/m);
    const json = await cli('gate', 'unready', 'v2', '--json');
    expect(json.code).toBe(6);
    expect(JSON.parse(json.stdout)).toMatchObject({ open: false });
  });

  it('is opened by a person who answers for it, which is in the timeline', async () => {
    const { service } = await aGoodProduct('overridden');
    service.state.unrestorable.add('v1');
    const { code, stdout } = await cli('gate', 'overridden', 'v2', '--override', 'the fix cannot wait');
    expect({ code, last: stdout.trim().split('\n').at(-1) }).toEqual({
      code: 0,
      last: 'The gate of overridden is open, by override.',
    });
    const { timeline } = await client.status({ product: 'overridden' });
    expect(timeline.map(({ text }) => text).join('\n')).toMatch(
      /ana opened the gate for v2 \(the fix cannot wait\), against: a rollback would not work/,
    );
  });

  it('is shut for a quarantined release and while a rollback waits for people', async () => {
    const { service } = await aGoodProduct('busy');
    await client.setStanding({ product: 'busy' }, 'v3', { standing: 'bad', by: 'ben', reason: 'leaks' });
    expect((await client.gate({ product: 'busy' }, { release: 'v3' })).open).toBe(false);
    await service.deploy('v2');
    await client.reportDeployment({ product: 'busy', release: 'v2' });
    service.fail('restore', 'the disk is full', Number.POSITIVE_INFINITY);
    await client.rollback({ product: 'busy' }, { by: 'ben', reason: 'looks bad' });
    await eventually(async () => (await client.status({ product: 'busy' })).rollback !== null);
    const { open, findings } = await client.gate({ product: 'busy' }, { release: 'v4' });
    expect(open).toBe(false);
    expect(findings.find(({ name }) => name === 'rollback')?.reason).toMatch(
      /^rollback inc-.* is under way$/,
    );
  });

  it('asks about the product alone, and names a service that nobody knows', async () => {
    await aGoodProduct('alone');
    expect((await client.gate({ product: 'alone' })).open).toBe(true);
    await expect(client.gate({ product: 'alone' }, { services: { jobs: 'v1' } })).rejects.toThrow(
      'product alone has no service jobs; configured: web',
    );
  });

  it('judges samples of a test before production, given as a file', async () => {
    await aGoodProduct('tested');
    const folder = await temporaryFolder();
    const file = async (content: unknown) => {
      const path = join(folder, 'samples.json');
      await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
      return path;
    };
    const sample = { seconds: 60, requests: 1_000, errors: 0, p95Ms: 200, memoryPercent: 97 };
    const samples = Array.from({ length: 6 }, () => sample);
    const judged = await cli(
      'gate',
      'tested',
      'v2',
      '--service',
      'web',
      '--performance',
      await file(samples),
    );
    expect(judged.code).toBe(6);
    expect(judged.stdout).toMatch(/^NO {3}performance, web: memory: memory 97/m);
    for (const [content, found] of [
      ['{', /found no JSON/],
      ['7', /found 7; allowed is a list of samples/],
      [{ web: [{ ...sample, errors: 2_000 }] }, /performance\.web\.0: errors must not be more than requests/],
      [{ jobs: [sample] }, /has no service jobs/],
    ] as const) {
      const wrong = await cli('gate', 'tested', '--performance', await file(content));
      expect(wrong.code).toBe(2);
      expect(wrong.stderr).toMatch(found);
    }
    expect((await cli('gate', 'tested', '--performance', await file(samples))).stderr).toContain('--service');
  });

  it('says what was last looked at', async () => {
    const { service } = await aGoodProduct('seen');
    await expect(client.readiness({ product: 'seen' })).rejects.toThrow('nobody has looked at the way back');
    await service.deploy('v2');
    await client.reportDeployment({ product: 'seen', release: 'v2' });
    await eventually(async () => (await client.status({ product: 'seen' })).readiness !== null, 20_000);
    expect(await client.readiness({ product: 'seen' })).toMatchObject({ services: [{ target: 'v1' }] });
    expect((await cli('status', 'seen')).stdout).toMatch(/way back: v1, ready \(looked at \d\d:\d\d/);
  });

  it('is shut while no worker answers', { timeout: 60_000 }, async () => {
    await aGoodProduct('unmanned');
    await world.stopWorkers();
    try {
      const { open, findings } = await client.gate({ product: 'unmanned' }, { release: 'v2' });
      expect(open).toBe(false);
      expect(findings.find(({ name }) => name === 'way back')?.reason).toContain('nobody could look');
    } finally {
      await world.startWorkers();
    }
  });
});
