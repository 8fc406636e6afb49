import { mkdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRollbackClient, type RollbackClient } from '../../client/rollback-client.ts';
import type { Outcome } from '../../domain/deployment.ts';
import { type RollbackStatistics, statisticsText } from '../../domain/rollback-statistics.ts';
import { timelineLine } from '../../domain/timeline.ts';
import { findServerProgram } from '../../worker/temporal-server.ts';
import { type Program, startProgram } from './program.ts';
import { prepareWorkspace, type Workspace } from './workspace.ts';

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
    const { client, place } = await startOrchestrator(workspace, programs);
    say(`  ready after ${seconds(started)} s\n`);
    const stage = { workspace, client, programs };
    await firstRelease(stage);
    const outcomes = [await scenario1(stage), await scenario2(stage), await systemic(stage)];
    await closing(client, place);
    say(`\nThe demo took ${seconds(started)} s.`);
    if (check) verify(outcomes);
    else await untilInterrupted();
  } finally {
    for (const program of programs.reverse()) await program.stop();
    await workspace.close();
  }
}

interface Stage {
  readonly workspace: Workspace;
  readonly client: RollbackClient;
  readonly programs: Program[];
}

interface Place {
  readonly url: string;
  readonly temporalUi: string;
  readonly metrics: string;
}

async function startOrchestrator(
  workspace: Workspace,
  programs: Program[],
): Promise<{ client: RollbackClient; place: Place }> {
  const data = join(folder, 'data');
  await import('node:fs/promises').then(({ rm }) => rm(data, { recursive: true, force: true }));
  const args = ['bin/orchestrator.js', 'up', '--config', workspace.configFile, '--data', data];
  programs.push(startProgram('orchestrator', args, join(folder, 'orchestrator.log')));
  const place = await until(
    'the orchestrator',
    async () => JSON.parse(await readFile(join(data, 'api.json'), 'utf8')) as Place,
  );
  const token = (await readFile(join(data, 'api-token'), 'utf8')).trim();
  return { client: createRollbackClient({ url: place.url, token }), place };
}

/** v2.4.0 serves real traffic long enough to be the last known good release. */
async function firstRelease({ workspace, client, programs }: Stage): Promise<void> {
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
  await stage.workspace.deploy('v3.0.5');
  await stage.client.reportDeployment({ ...product, release: 'v3.0.5', deployment: 'deploy-v3.0.5' });
  await good(stage.client, 'deploy-v3.0.5');
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

/** Deploys a release and prints its timeline as it happens, until its monitor has ended and its report is written. */
async function play(
  { workspace, client }: Stage,
  release: string,
  meanwhile?: () => Promise<void>,
): Promise<Outcome> {
  const deployment = `deploy-${release}`;
  await workspace.deploy(release);
  await client.reportDeployment({ ...product, release, deployment });
  await meanwhile?.();
  const shown = new Set<string>();
  return until(`the end of ${release}`, async () => {
    const found = await client.deployment({ ...product, deployment });
    for (const entry of found.timeline) {
      const line = timelineLine(entry);
      if (!shown.has(line)) say(line);
      shown.add(line);
    }
    const written = found.timeline.some((entry) => entry.text.startsWith('Issue created'));
    const ended = found.timeline.some(
      (entry) => entry.kind === 'outcome' && entry.text.startsWith(`${release}:`),
    );
    if (!written || !ended || found.deployment.outcome === null) throw new Error('still going on');
    return found.deployment.outcome as Outcome;
  });
}

async function good(client: RollbackClient, deployment: string): Promise<void> {
  await until(`${deployment} to be good`, async () => {
    const found = await client.deployment({ ...product, deployment });
    if (found.deployment.goodMs < 9_000) throw new Error('not good yet');
  });
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

/** Asks again, four times a second, until it does not throw; gives up after two minutes. */
async function until<Result>(what: string, ask: () => Promise<Result>): Promise<Result> {
  const end = Date.now() + 120_000;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (Date.now() > end)
        throw new Error(`waited two minutes for ${what}; logs are in ${folder}`, { cause: error });
      await sleep(250);
    }
  }
}

async function untilInterrupted(): Promise<void> {
  say('\nEverything stays up until Ctrl-C.');
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
}

function seconds(sinceMs: number): number {
  return Math.round((Date.now() - sinceMs) / 1_000);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

await demo();
