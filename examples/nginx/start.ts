import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { findServerProgram } from '../../worker/temporal-server.ts';
import { play, playGood, startOrchestrator, untilInterrupted } from '../demo/play.ts';
import { type LoadCounts, startLoad } from '../shop/load.ts';
import { prepareShopBehindNginx } from './shop-behind-nginx.ts';

const folder = resolve('.orchestrator', 'nginx');
const check = process.argv.includes('--check');
const say = (line: string) => void process.stdout.write(`${line}\n`);

/** The specification's first scenario: a release whose errors rise is rolled back, with nginx before two processes. */
async function start(): Promise<void> {
  await mkdir(folder, { recursive: true });
  await findServerProgram({ say });
  const workspace = await prepareShopBehindNginx(join(folder, 'shop'));
  const load = startLoad({ url: workspace.url, requestsPerSecond: 80, seed: 1, maxSeconds: 3_600 });
  try {
    const { client, place, program } = await startOrchestrator(workspace, folder);
    try {
      const stage = { workspace, client, say };
      say(`Users come in at ${workspace.url}; v2.4.0 is deployed and serves them`);
      await playGood(stage, 'v2.4.0');
      const before = { ...load.report().total };
      say('\nScenario 1: Error Rate Spike\n');
      const outcome = await play(stage, 'v2.5.0');
      say(`\n${sentence(before, load.report().total)}`);
      say(`Temporal UI: ${place.temporalUi}/workflows, configuration: ${workspace.configFile}`);
      if (outcome !== 'rolled_back') process.exitCode = 1;
      if (check) return;
      say('Everything stays up until Ctrl-C.');
      await untilInterrupted();
    } finally {
      await program.stop();
    }
  } finally {
    await load.stop();
    await workspace.close();
  }
}

function sentence(before: LoadCounts, after: LoadCounts): string {
  const [ok, errors, maintenance, refused] = (['ok', 'errors', 'maintenance', 'refused'] as const).map(
    (kind) => after[kind] - before[kind],
  );
  return `Users got ${ok} answers, ${errors} errors of v2.5.0, ${maintenance} times "back soon", and ${refused} connections that nginx closed`;
}

await start();
