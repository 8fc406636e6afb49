import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RollbackClient } from '../../client/rollback-client.ts';
import type { Outcome } from '../../domain/deployment.ts';
import { type RollbackStatistics, statisticsText } from '../../domain/rollback-statistics.ts';
import { findServerProgram } from '../../worker/temporal-server.ts';
import {
  good,
  type Place,
  play,
  playGood,
  type Stage,
  startOrchestrator,
  until,
  untilInterrupted,
} from './play.ts';
import { type Program, startProgram } from './program.ts';
import { prepareWorkspace } from './workspace.ts';

const requestsPerSecond = 80;
const maxSeconds = 900;
const check = process.argv.includes('--check');
const folder = resolve('.orchestrator', 'demo');
const product = { product: 'shop' };

/** Plays the specification's scenarios on a real shop under real traffic, and says what happens as it happens. */
async function demo(): Promise<void> {
  const started = Date.now();
  say('Preparing: a Temporal server, a shop in five releases of a git history, a proxy, traffic …');
  await mkdir(folder, { recursive: true });
  await findServerProgram({ say: (line) => say(`  ${line}`) });
  const workspace = await prepareWorkspace(join(folder, 'shop'));
  const programs: Program[] = [];
  try {
    const { client, place, program } = await startOrchestrator(workspace, folder);
    programs.push(program);
    say(`  ready after ${seconds(started)} s\n`);
    const stage = { workspace, client, say };
    await firstRelease(stage, programs);
    const outcomes = [await scenario1(stage), await scenario2(stage), await systemic(stage)];
    await closing(client, place);
    say(`\nThe demo took ${seconds(started)} s.`);
    if (check) verify(outcomes);
    else {
      say('\nEverything stays up until Ctrl-C.');
      await untilInterrupted();
    }
  } finally {
    for (const program of programs.reverse()) await program.stop();
    await workspace.close();
  }
}

/** v2.4.0 serves real traffic long enough to be the last known good release. */
async function firstRelease({ workspace, client }: Stage, programs: Program[]): Promise<void> {
  say('A good release first: v2.4.0 serves traffic');
  await workspace.deploy('v2.4.0');
  const load = [
    'examples/shop/load.ts',
    '--url',
    workspace.url,
    '--rps',
    String(requestsPerSecond),
    '--seconds',
    String(maxSeconds),
  ];
  programs.push(startProgram('load', load, join(folder, 'load.jsonl')));
  await client.reportDeployment({ ...product, release: 'v2.4.0', deployment: 'deploy-v2.4.0' });
  await good(client, 'deploy-v2.4.0');
}

async function scenario1(stage: Stage): Promise<Outcome> {
  say('\n### Scenario 1: Error Rate Spike\n\nTimeline:');
  return play(stage, 'v2.5.0');
}

async function scenario2(stage: Stage): Promise<Outcome> {
  say('\n(v3.0.5 is deployed and becomes the last known good release)');
  await playGood(stage, 'v3.0.5');
  say('\n### Scenario 2: Memory Leak\n\nTimeline:');
  return play(stage, 'v3.1.0');
}

/** The payment provider fails: every release is sick, and rolling back cannot help. */
async function systemic(stage: Stage): Promise<Outcome> {
  say('\n### Systemic issue: the previous version is unhealthy too\n\nTimeline:');
  const { client, workspace } = stage;
  const playing = play(stage, 'v3.2.0', () => workspace.setPaymentsFailing(true));
  await until('the systemic escalation', async () => {
    const { rollback } = await client.status(product);
    if (rollback?.phase !== 'escalated') throw new Error('not escalated yet');
  });
  await sleep(1_000);
  await client.command(product, 'acknowledge', { by: 'Ana' });
  await workspace.setPaymentsFailing(false);
  await client.command(product, 'resolve', { by: 'Ana', note: 'the payment provider is back' });
  return playing;
}

async function closing(client: RollbackClient, place: Place): Promise<void> {
  const statistics = await client.statistics(30);
  say(`\n${statisticsText(statistics as RollbackStatistics)}\n`);
  const { incidents } = await client.incidents();
  say('Look around:');
  say(`  Temporal UI  ${place.temporalUi}/workflows`);
  say(`  API          ${place.url}/openapi.json (token in ${join(folder, 'data', 'api-token')})`);
  say(`  Metrics      ${place.metrics}`);
  for (const incident of incidents) say(`  Report       ${incident.issue ?? incident.id}`);
}

function verify(outcomes: readonly Outcome[]): void {
  const expected: Outcome[] = ['rolled_back', 'rolled_back', 'needs_attention'];
  const failed = expected.filter((outcome, i) => outcomes[i] !== outcome);
  say(`outcomes: ${outcomes.join(', ')}; expected: ${expected.join(', ')}`);
  say(`${expected.length - failed.length} passed, ${failed.length} failed`);
  if (failed.length > 0) process.exitCode = 1;
}

function seconds(sinceMs: number): number {
  return Math.round((Date.now() - sinceMs) / 1_000);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

await demo();
