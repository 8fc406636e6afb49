import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { cleanUp, temporaryFolder } from '../adapters/temporary.ts';
import { aServedApi } from '../client/access/served-api.ts';

afterEach(cleanUp);

const root = new URL('../..', import.meta.url);

describe('the example in docs/library.md', () => {
  it('runs against an API and ends by the outcome', async () => {
    const api = await aServedApi();
    const deployment = { product: 'shop', environment: 'production', deployment: 'd1' };
    const services = [{ service: 'web', release: 'v2.6.0' }];
    await api.store.deployments.register({ ...deployment, services, origin: 'reported', deployedAtMs: 1 });
    await api.store.deployments.end(deployment, 'rolled_back', 'errors', 2);
    const page = await readFile(new URL('docs/library.md', root), 'utf8');
    const program = /```ts\n([\s\S]*?)```/.exec(page)?.[1] as string;
    const file = join(await temporaryFolder(), 'example.ts');
    const entry = new URL('client/index.ts', root).href;
    await writeFile(file, program.replace("'rollback-orchestrator'", `'${entry}'`));
    const env = {
      ...process.env,
      ORCHESTRATOR_API: api.url,
      ORCHESTRATOR_TOKEN: await api.tokenFor('pipeline'),
    };
    const ended = await promisify(execFile)(process.execPath, [file], { env }).catch(
      (error: { code: number; stdout: string; stderr: string }) => error,
    );
    expect(ended).toMatchObject({ code: 1, stdout: 'rolled_back\n', stderr: '' });
    expect(api.reached).toEqual(['gate shop', 'report']);
  });
});
