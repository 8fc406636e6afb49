import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { play, playGood, startOrchestrator } from '../../examples/demo/play.ts';
import { prepareWorkspace } from '../../examples/demo/workspace.ts';
import { startLoad } from '../../examples/shop/load.ts';
import { afterwards, cleanUp, temporaryFolder } from '../adapters/temporary.ts';

afterEach(cleanUp, 60_000);

/** The specification's first scenario by the other way: users of the whole system, real processes, the proxy, real Temporal. */
it('goes back to v2.4.0 by shift: no user sees a maintenance page, and none a refused connection', async () => {
  const folder = await temporaryFolder();
  const workspace = await prepareWorkspace(join(folder, 'shop'), { way: 'shift' });
  afterwards(() => workspace.close());
  const ports = ['--port', '0', '--metrics-port', '0'];
  const { client, program } = await startOrchestrator(workspace, folder, ports);
  afterwards(() => program.stop());
  const load = startLoad({ url: workspace.url, requestsPerSecond: 80, seed: 3, maxSeconds: 600 });
  afterwards(() => load.stop());
  const told: string[] = [];
  const stage = { workspace, client, say: (line: string) => void told.push(line) };
  await playGood(stage, 'v2.4.0');
  let deployed = { ...load.report().total };
  const outcome = await play(stage, 'v2.5.0', async () => {
    // The pipeline itself deploys in maintenance.
    deployed = { ...load.report().total };
  });
  const after = (await load.stop()).total;

  expect(outcome, told.join('\n')).toBe('rolled_back');
  const story = told.join('\n');
  const steps = [
    /Rollback to v2\.4\.0 .*started beside v2\.5\.0, which serves on meanwhile/,
    /Health checks: PASS/,
    /Traffic moved to v2\.4\.0/,
    /v2\.5\.0 was put away/,
    /Owner notified: "Rollback successful"/,
  ];
  const places = steps.map((step) => story.search(step));
  expect(
    places.every((place, i) => place >= 0 && place > (places[i - 1] ?? -1)),
    story,
  ).toBe(true);
  expect(after.maintenance - deployed.maintenance).toBe(0);
  expect(after.refused).toBe(0);
  expect(after.errors - deployed.errors).toBeGreaterThan(20);
}, 240_000);
