import { execFile } from 'node:child_process';
import { copyFile, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { cleanUp, temporaryFolder } from '../adapters/temporary.ts';

afterEach(cleanUp);

const root = fileURLToPath(new URL('../..', import.meta.url));
const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const run = (args: string[], cwd: string) => promisify(execFile)(process.execPath, args, { cwd });

/** Somebody's program in TypeScript: what must not compile is marked. */
const program = `
import { createRollbackClient, type Deployment, type Lesson, RollbackApiError } from 'rollback-orchestrator';
const client = createRollbackClient({ url: 'http://127.0.0.1:9', token: async () => 't', retryForMs: 0 });
export async function use(): Promise<[Deployment, Lesson | undefined]> {
  const { deployment } = await client.reportDeployment({ product: 'shop', release: 'v1' });
  const outcome: string | null = deployment.outcome;
  // @ts-expect-error there is no such field
  deployment.nothing;
  // @ts-expect-error a pause takes minutes
  await client.pause({ product: 'shop' }, { hours: 3 });
  console.log(outcome);
  return [deployment, (await client.lessons({ query: 'x' })).lessons[0]];
}
await client.me().catch((error: unknown) => console.log(error instanceof RollbackApiError && error.status));
`;

describe('the package, built', () => {
  it('is imported by its name, with types that say what is wrong', async () => {
    const folder = await temporaryFolder();
    const ours = join(folder, 'node_modules', 'rollback-orchestrator');
    await mkdir(ours, { recursive: true });
    for (const name of await readdir(join(root, 'node_modules')))
      await symlink(join(root, 'node_modules', name), join(folder, 'node_modules', name));
    await copyFile(join(root, 'package.json'), join(ours, 'package.json'));
    await run([tsc, '-p', 'tsconfig.build.json', '--outDir', join(ours, 'dist')], root);
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    await writeFile(join(folder, 'use.ts'), program);
    const options =
      '--strict --module nodenext --moduleResolution nodenext --target es2024 --types node'.split(' ');
    await run([tsc, ...options, 'use.ts'], folder);
    expect((await run(['use.js'], folder)).stdout).toBe('0\n');
  }, 120_000);
});
