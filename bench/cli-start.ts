import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { aStatus } from '../test/client/cli/pictures.ts';
import { standInApi } from '../test/client/stand-in-api.ts';
import { type Spread, spreadOf, writeResult } from './result.ts';

/**
 * How long a person waits for the command line: whole processes, from start to end, beside a Node that does nothing. The API is a
 * stand-in that answers at once, so what is measured is ours. Rounds go through all commands, so that a busy moment meets all alike.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '41' },
    program: { type: 'string', default: fileURLToPath(new URL('../bin/orchestrator.js', import.meta.url)) },
    out: { type: 'string', default: 'cli-start' },
  },
});

const api = await standInApi({ statuses: [aStatus()], series: null });
const commands: Readonly<Record<string, readonly string[]>> = {
  'node -e 0': ['-e', '0'],
  'orchestrator --version': [values.program, '--version'],
  'orchestrator --help': [values.program, '--help'],
  'orchestrator status --json': [values.program, 'status', '--json'],
  'orchestrator status shop': [values.program, 'status', 'shop'],
  'orchestrator incidents': [values.program, 'incidents'],
  'orchestrator __complete status ""': [values.program, '__complete', 'status', ''],
};

const times = new Map(Object.keys(commands).map((name) => [name, [] as number[]]));
for (let round = -1; round < Number(values.rounds); round += 1) {
  for (const [name, args] of Object.entries(commands)) {
    const ms = await timed(args);
    // The first fills the cache of compiled code.
    if (round >= 0) times.get(name)?.push(ms);
  }
}
api.close();

const idle = spreadOf(times.get('node -e 0') ?? [])?.median ?? Number.NaN;
const rows = [...times].map(([command, measured]) => {
  const ms = spreadOf(measured) as Spread;
  return { command, ms, ratio: Number((ms.median / idle).toFixed(2)) };
});
console.table(rows.map(({ command, ms, ratio }) => ({ command, ...ms, ratio })));
await writeResult(values.out, { node: process.version, rounds: Number(values.rounds), rows });

async function timed(args: readonly string[]): Promise<number> {
  const beganMs = performance.now();
  const child = spawn(process.execPath, args, { env: { ...process.env, ...api.env }, stdio: 'ignore' });
  await once(child, 'exit');
  return performance.now() - beganMs;
}
