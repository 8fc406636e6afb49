import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRollbackClient, type RollbackClient } from '../client/rollback-client.ts';
import type { ConfigFile } from '../config/schema/config-file.ts';
import { startProgram } from '../examples/demo/program.ts';
import { until } from '../test/e2e/stage.ts';
import { startDevServer } from '../test/support/dev-world.ts';
import { freePort } from '../worker/free-port.ts';
import { type Behaviour, type BenchProduct, createBenchProduct } from './bench-product.ts';
import { boundedRun, type Ends } from './bounded-run.ts';
import { type Outcome, outcomeLine, outcomeOf, printRows, type Row, rowOf } from './detection-outcome.ts';
import { monitorPlainly } from './plain-loop.ts';
import { writeResult } from './result.ts';
import { sendTwinLoad } from './twin-load.ts';

const checkIntervalMs = 6_000;
const windowChecks = 5;
const multiplier = 2;
/** The default policy ten times as fast. */
const policy: ConfigFile['rollback_policy'] = {
  monitoring: {
    check_interval_seconds: checkIntervalMs / 1_000,
    suspect_interval_seconds: 1,
    baseline_window_minutes: (windowChecks * checkIntervalMs) / 60_000,
    warm_up_seconds: 6,
    segment_minutes: 6,
  },
  triggers: {
    error_rate: { multiplier, window_minutes: (windowChecks * checkIntervalMs) / 60_000 },
    health_check: { window_minutes: 0.5 },
  },
  rollback: { health_check_timeout_seconds: 12, verify_minutes: 0.5, retry_after_seconds: 3 },
};

const requestsPerSecond = 40;
const usualShare = 0.01;
/** The share of its requests that the new release fails at once, and for how long. */
const failures = {
  outage: { share: 1, lastsMs: 3_600_000, lasting: true },
  step: { share: 10 * usualShare, lastsMs: 3_600_000, lasting: true },
  burst: { share: 1, lastsMs: 3_000, lasting: false },
};
const failureNames = Object.keys(failures) as (keyof typeof failures)[];
const rounds = 7;
/** Shorter than a round: rounds overlap, so that all fit into five minutes. */
const betweenRoundsMs = 26_000;
/** Checks from the deployment to the failure, and from there to the end of the round. */
const healthyChecks = 6;
const badChecks = 6;
const lastKnownGood = 'v1';
const deadlineMs = 360_000;
/** Below the ports that the kernel gives to outgoing connections, one of which could take it before its service does. */
const firstPort = 21_000;

// From the first bad answer to a rollback and to traffic again, as users see it: our system beside a plain loop.
await boundedRun(deadlineMs, async (folder, ends) => {
  const server = await startDevServer(folder);
  ends.push(() => server.stop());
  const pairs = await createPairs(folder, ends);
  const client = await startOrchestrator(folder, server.address, pairs, ends);
  const played = pairs.map(async (pair) => {
    await sleep(pair.round * betweenRoundsMs);
    return play(pair, client);
  });
  await report((await Promise.all(played)).flat());
});

/** A product for each of the two, on which the same thing happens. */
interface Pair {
  readonly failure: keyof typeof failures;
  readonly round: number;
  readonly ours: BenchProduct;
  readonly plain: BenchProduct;
}

async function createPairs(folder: string, ends: Ends): Promise<Pair[]> {
  let port = firstPort;
  const create = async (name: string) => {
    port = await freePort(port + 1);
    return createBenchProduct(name, { folder, port, ends });
  };
  const pairs: Pair[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const failure of failureNames) {
      const name = `${failure}-${round}`;
      pairs.push({
        failure,
        round,
        ours: await create(`${name}-ours`),
        plain: await create(`${name}-plain`),
      });
    }
  }
  return pairs;
}

async function startOrchestrator(
  folder: string,
  temporalAddress: string,
  pairs: readonly Pair[],
  ends: Ends,
): Promise<RollbackClient> {
  const configFile = join(folder, 'rollback-config.yml');
  const products = Object.fromEntries(pairs.map(({ ours }) => [ours.name, ours.settings]));
  await writeFile(configFile, JSON.stringify({ rollback_policy: policy, products } satisfies ConfigFile));
  const data = join(folder, 'data');
  const args = ['bin/orchestrator.js', 'up', '--config', configFile, '--data', data];
  const ports = ['--port', '0', '--metrics-port', '0'];
  const env = { TEMPORAL_ADDRESS: temporalAddress, LOG_LEVEL: 'error' };
  const program = startProgram('orchestrator', [...args, ...ports], join(folder, 'orchestrator.log'), env);
  ends.push(() => program.stop());
  const { url } = await until(
    'the orchestrator',
    async () => JSON.parse(await readFile(join(data, 'api.json'), 'utf8')) as { url: string },
  );
  const token = (await readFile(join(data, 'api-token'), 'utf8')).trim();
  return createRollbackClient({ url, token });
}

/** Deploys a good release and then one that goes bad under load, and returns what users saw. */
async function play(pair: Pair, client: RollbackClient): Promise<Outcome[]> {
  const { failure, round, ours, plain } = pair;
  const { share, lastsMs, lasting } = failures[failure];
  await deployToBoth(pair, lastKnownGood, { usualShare, badShare: 0, badFromMs: 0, badUntilMs: 0 });
  const good = { by: 'bench', reason: 'the release before' };
  await client.reportDeployment({ product: ours.name, release: lastKnownGood, deployment: 'd1', good });

  const deployedAtMs = Date.now();
  // Spread evenly over the rounds: the latency depends on where between two checks the failure begins.
  const fromMs = deployedAtMs + (healthyChecks + (round + 0.5) / rounds) * checkIntervalMs;
  const untilMs = fromMs + badChecks * checkIntervalMs;
  await deployToBoth(pair, 'v2', {
    usualShare,
    badShare: share,
    badFromMs: fromMs,
    badUntilMs: fromMs + lastsMs,
  });
  const deployedAt = new Date(deployedAtMs).toISOString();
  await client.reportDeployment({ product: ours.name, release: 'v2', deployment: 'd2', deployedAt });
  const path = `/${failure}/${round}`;
  const [[ourAnswers = [], plainAnswers = []]] = await Promise.all([
    sendTwinLoad({ origins: [ours.origin, plain.origin], path, requestsPerSecond, untilMs }),
    monitorPlainly(plain, {
      deployedAtMs,
      checkIntervalMs,
      windowChecks,
      multiplier,
      lastKnownGood,
      untilMs,
    }),
  ]);
  const bad = { fromMs, lasting, lastKnownGood, checkIntervalMs };
  const outcomes = [
    outcomeOf({ failure, system: 'ours' }, ourAnswers, bad),
    outcomeOf({ failure, system: 'plain loop' }, plainAnswers, bad),
  ];
  for (const outcome of outcomes) console.log(`round ${round + 1}, ${outcomeLine(outcome)}`);
  return outcomes;
}

async function deployToBoth({ ours, plain }: Pair, release: string, behaviour: Behaviour): Promise<void> {
  await Promise.all(
    [ours, plain].map(async (product) => {
      await product.addRelease(release, behaviour);
      await product.deploy(release);
    }),
  );
}

async function report(outcomes: readonly Outcome[]): Promise<void> {
  const compared = failureNames.map((failure) => {
    const ours = rowOf(failure, 'ours', outcomes);
    const plain = rowOf(failure, 'plain loop', outcomes);
    return { failure, rows: [ours, plain], ratios: ratiosOf(ours, plain) };
  });
  const rows = compared.flatMap((each) => each.rows);
  const ratios = compared.map((each) => ({ failure: each.failure, ...each.ratios }));
  printRows(rows);
  console.log('ours : plain loop');
  console.table(ratios);
  await writeResult('detection-latency', {
    unit: 'check intervals since the first bad answer',
    checkIntervalSeconds: checkIntervalMs / 1_000,
    rounds,
    requestsPerSecond,
    rows,
    ratios,
  });
}

/** Of the medians; `null` where one of them did not roll back. */
function ratiosOf(ours: Row, plain: Row) {
  const ratio = (of: 'rollbackStarted' | 'trafficResumed') => {
    const [a, b] = [ours[of], plain[of]];
    return a && b && Number((a.median / b.median).toFixed(1));
  };
  return { rollbackStarted: ratio('rollbackStarted'), trafficResumed: ratio('trafficResumed') };
}
