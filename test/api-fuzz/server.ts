import { writeFile } from 'node:fs/promises';
import { createRollbackClient } from '../../client/rollback-client.ts';
import { eventually } from '../adapters/temporary.ts';
import { createDevWorld } from '../support/dev-world.ts';

// The running system with something in it, until it is told to stop. Writes its address and token to the file that is named.

const world = await createDevWorld({ limits: { read: 1_000_000, command: 1_000_000, unproven: 1_000_000 } });
process.once('SIGTERM', () => void world.end().then(() => process.exit(0)));
const client = createRollbackClient({ url: world.api.url, token: world.token });
for (const product of ['shop', 'billing']) {
  const { service, haveGood } = world.addProduct(product);
  await haveGood('v1');
  await service.deploy('v2');
  await client.reportDeployment({ product, release: 'v2', deployment: 'deploy-v2' });
}
await client.rollback({ product: 'billing' }, { by: 'Ada', reason: 'prices are wrong' });
await eventually(async () => (await client.incidents()).incidents[0]?.outcome != null, 60_000);
await writeFile(process.argv[2] ?? '', `${world.api.url} ${world.token}\n`);
