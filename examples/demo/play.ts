import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRollbackClient, type RollbackClient } from '../../client/rollback-client.ts';
import type { Outcome } from '../../domain/deployment.ts';
import { timelineLine } from '../../domain/timeline.ts';
import { type Program, startProgram } from './program.ts';
import type { Workspace } from './workspace.ts';

const product = { product: 'shop' };

/** A shop in production, and who watches it. */
export interface Stage {
  readonly workspace: Workspace;
  readonly client: RollbackClient;
  readonly say: (line: string) => void;
}

/** Where the running orchestrator is to be found. */
export interface Place {
  readonly url: string;
  readonly temporalUi: string;
  readonly metrics: string;
}

/** Runs `orchestrator up` on the workspace's configuration, with its data and log in the folder. */
export async function startOrchestrator(
  workspace: Workspace,
  folder: string,
  more: readonly string[] = [],
): Promise<{ client: RollbackClient; place: Place; program: Program }> {
  const data = join(folder, 'data');
  await rm(data, { recursive: true, force: true });
  const args = ['bin/orchestrator.js', 'up', '--config', workspace.configFile, '--data', data, ...more];
  const program = startProgram('orchestrator', args, join(folder, 'orchestrator.log'));
  try {
    const place = await until(
      'the orchestrator',
      async () => JSON.parse(await readFile(join(data, 'api.json'), 'utf8')) as Place,
    );
    const token = (await readFile(join(data, 'api-token'), 'utf8')).trim();
    return { client: createRollbackClient({ url: place.url, token }), place, program };
  } catch (error) {
    await program.stop();
    throw error;
  }
}

/** Deploys a release and prints its timeline as it happens, until its monitor has ended and its report is written. */
export async function play(
  { workspace, client, say }: Stage,
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

/** Deploys a release that serves the traffic well, and waits until it may be rolled back to. */
export async function playGood({ workspace, client }: Stage, release: string): Promise<void> {
  const deployment = `deploy-${release}`;
  await workspace.deploy(release);
  await client.reportDeployment({ ...product, release, deployment });
  await good(client, deployment);
}

export async function good(client: RollbackClient, deployment: string): Promise<void> {
  await until(`${deployment} to be good`, async () => {
    const found = await client.deployment({ ...product, deployment });
    if (found.deployment.goodMs < 9_000) throw new Error('not good yet');
  });
}

/** Asks again, four times a second, until it does not throw; gives up after two minutes. */
export async function until<Result>(what: string, ask: () => Promise<Result>): Promise<Result> {
  const end = Date.now() + 120_000;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (Date.now() > end) throw new Error(`waited two minutes for ${what}`, { cause: error });
      await sleep(250);
    }
  }
}

export async function untilInterrupted(): Promise<void> {
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
}
