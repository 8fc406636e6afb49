import { execFileSync } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createShopHistory } from '../shop/history.ts';

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: node examples/kubernetes/shop.ts FOLDER');

/** The shop's repository, and the code of each release as one file for a ConfigMap. */
await mkdir(folder, { recursive: true });
const repository = resolve(folder, 'shop.git');
await rm(repository, { recursive: true, force: true });
await createShopHistory({ repository });
for (const release of ['v2.4.0', 'v2.5.0']) {
  const file = join(folder, `${release}.tgz`);
  execFileSync('git', ['-C', repository, 'archive', '--format=tgz', `--output=${resolve(file)}`, release]);
  console.log(file);
}
