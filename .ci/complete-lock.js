// Completes package-lock.json with the optional packages of other platforms. A registry that serves only this platform's leaves
// them out of the lock, and `npm ci` then refuses it. Run after `npm install`: node .ci/complete-lock.js
import { readFileSync, writeFileSync } from 'node:fs';

const file = 'package-lock.json';
const systems = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32'];
const processors = ['arm64', 'x64', 'ia32', 'ppc64', 's390x', 'riscv64', 'arm'];

const lock = JSON.parse(readFileSync(file, 'utf8'));
let added = 0;
for (const owner of Object.values(lock.packages)) {
  for (const [name, range] of Object.entries(owner.optionalDependencies ?? {})) {
    if (Object.keys(lock.packages).some((path) => path.endsWith(`node_modules/${name}`))) continue;
    lock.packages[`node_modules/${name}`] = entry(name, range, owner);
    added += 1;
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${added} packages of other platforms added`);

/** The platform is in the package's name, as these packages are named everywhere. */
function entry(name, range, owner) {
  const system = systems.find((word) => name.includes(word));
  const processor = processors.find((word) => name.includes(word));
  return {
    version: range.replace(/^[\^~>=]+/, ''),
    ...(system ? { os: [system] } : {}),
    ...(processor ? { cpu: [processor] } : {}),
    ...(name.includes('musl') ? { libc: ['musl'] } : {}),
    ...(owner.dev ? { dev: true } : {}),
    optional: true,
  };
}
