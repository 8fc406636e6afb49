import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { play, playGood, startOrchestrator } from '../../examples/demo/play.ts';
import { prepareShopBehindNginx } from '../../examples/nginx/shop-behind-nginx.ts';
import { type LoadReport, type LoadSecond, startLoad } from '../../examples/shop/load.ts';
import { afterwards, cleanUp, freePorts, temporaryFolder } from '../adapters/temporary.ts';
import { needNginx } from './nginx-process.ts';
import { expectSpecifiedStory } from './specified-story.ts';

afterEach(cleanUp, 60_000);

/**
 * Scenario 1 of the specification, as examples/nginx plays it: plain processes, a real nginx, a real Temporal, `orchestrator up`,
 * and users who come all the time, each with a connection of its own.
 */
it('puts v2.4.0 back behind nginx when v2.5.0 fails, and neither nginx nor a switch fails a request', async () => {
  needNginx();
  const folder = await temporaryFolder();
  const first = await freePorts(5);
  const ports = { users: first, state: first + 1, payments: first + 2, instances: first + 3 };
  const workspace = await prepareShopBehindNginx(join(folder, 'shop'), ports);
  afterwards(() => workspace.close());
  const { client, program } = await startOrchestrator(workspace, folder, [
    '--port',
    '0',
    '--metrics-port',
    '0',
  ]);
  afterwards(() => program.stop());
  const load = startLoad({
    url: workspace.url,
    requestsPerSecond: 80,
    seed: 7,
    maxSeconds: 600,
    keepConnections: false,
  });
  afterwards(() => load.stop());

  const told: string[] = [];
  const stage = { workspace, client, say: (line: string) => void told.push(line) };
  await playGood(stage, 'v2.4.0');
  const beforeBad = load.report();
  expect(await play(stage, 'v2.5.0')).toBe('rolled_back');
  const report = await load.stop();

  expectSpecifiedStory(told.join('\n'), /Monitoring detects breach: .*requests failed/);

  // v2.4.0 fails a request now and then when the machine is busy: its pool is small. nginx and the switches fail none.
  const ownShare = ({ errors, ok }: { errors: number; ok: number }) => errors / (errors + ok);
  const afterwardsCounted = countedAfterThePage(report);
  expect(ownShare(beforeBad.total)).toBeLessThan(0.03);
  expect(ownShare(afterwardsCounted)).toBeLessThan(0.03);
  expect(afterwardsCounted.ok).toBeGreaterThan(80);
  expect(report.total.errors).toBeGreaterThan(20);
  expect(report.total.maintenance).toBeGreaterThan(beforeBad.total.maintenance);
  expect(report.total.refused).toBe(0);
  const log = await readFile(join(folder, 'shop/nginx/error.log'), 'utf8');
  expect(log.split('\n').filter((line) => /\[(error|crit|alert|emerg)\]/.test(line))).toEqual([]);

  const state = await readFile(join(folder, 'shop/nginx/rollback/api.conf'), 'utf8');
  const instances = [ports.instances, ports.instances + 1].map((port) => `server 127.0.0.1:${port};`);
  for (const instance of instances) expect(state).toContain(instance);
}, 240_000);

/** What users got in the whole seconds after the last maintenance page. */
function countedAfterThePage({ seconds }: LoadReport) {
  const last = seconds.findLastIndex(({ maintenance }) => maintenance > 0);
  const after = seconds.slice(last + 1);
  const sum = (kind: keyof Omit<LoadSecond, 'atMs'>) =>
    after.reduce((total, second) => total + second[kind], 0);
  return { ok: sum('ok'), errors: sum('errors'), refused: sum('refused') };
}
