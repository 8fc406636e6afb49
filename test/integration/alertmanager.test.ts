import { spawn, spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createRollbackClient } from '../../client/rollback-client.ts';
import { afterwards, cleanUp, eventually, freePorts, kill, temporaryFolder } from '../adapters/temporary.ts';
import { createDevWorld, type DevWorld } from '../support/dev-world.ts';
import { until } from './prometheus-process.ts';

let world: DevWorld;
beforeAll(async () => {
  world = await createDevWorld();
});
afterAll(() => world?.end());

/** Debian's Alertmanager, which sends everything to our API at once; `cleanUp` ends it by its pid. */
async function startAlertmanager(): Promise<string> {
  if (spawnSync('prometheus-alertmanager', ['--version']).error !== undefined)
    throw new Error('there is no prometheus-alertmanager: run npm run test:integration, which gets one');
  const folder = await temporaryFolder();
  const webhook = {
    url: `${world.api.url}/v1/alerts/alertmanager`,
    send_resolved: true,
    http_config: { authorization: { credentials: world.token } },
  };
  // JSON is YAML.
  const config = {
    route: { receiver: 'rollback', group_by: ['product'], group_wait: '0s', group_interval: '1s' },
    receivers: [{ name: 'rollback', webhook_configs: [webhook] }],
  };
  await writeFile(join(folder, 'alertmanager.yml'), JSON.stringify(config));
  const port = await freePorts(1);
  const child = spawn(
    'prometheus-alertmanager',
    [
      `--config.file=${join(folder, 'alertmanager.yml')}`,
      `--storage.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--cluster.listen-address=',
      '--log.level=error',
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  afterwards(() => kill(child));
  const url = `http://127.0.0.1:${port}`;
  await until(async () => (await fetch(`${url}/-/ready`)).ok);
  return url;
}

describe('a real Alertmanager', { timeout: 90_000 }, () => {
  afterEach(cleanUp);

  const told = async (url: string, startsAt: Date, endsAt?: Date) => {
    const alert = {
      labels: { alertname: 'CheckoutFails', product: 'alarmed', service: 'web', severity: 'critical' },
      annotations: { summary: '12 % of the checkouts fail' },
      startsAt: startsAt.toISOString(),
      ...(endsAt === undefined ? {} : { endsAt: endsAt.toISOString() }),
    };
    const answer = await fetch(`${url}/api/v2/alerts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify([alert]),
    });
    expect(answer.status).toBe(200);
  };

  it('that fires after a deployment rolls it back, in the words of the alert', async () => {
    const client = createRollbackClient({ url: world.api.url, token: world.token });
    const { service, haveGood } = world.addProduct('alarmed');
    await haveGood('v1');
    await service.deploy('v2');
    await client.reportDeployment({ product: 'alarmed', deployment: 'deploy-v2', release: 'v2' });
    const url = await startAlertmanager();
    await told(url, new Date());
    const ended = await eventually(async () => {
      const { incidents } = await client.incidents({ product: 'alarmed' });
      return incidents.find(({ outcome }) => outcome !== null);
    }, 60_000);
    expect(ended).toMatchObject({ outcome: 'rolled_back', origin: 'automatic' });
    expect(ended.reason).toMatch(/^alert CheckoutFails fires for .*: 12 % of the checkouts fail$/);
    const key = { product: 'alarmed', environment: 'production' };
    expect(await world.store.alerts.firing(key, 0)).toHaveLength(1);
    await told(url, new Date(ended.openedAtMs), new Date());
    await eventually(async () => (await world.store.alerts.firing(key, 0)).length === 0, 30_000);
  });
});
