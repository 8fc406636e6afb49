import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client, type WorkflowHandle } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { openStore } from '../adapters/store/store.ts';
import { monitorWorkflowId } from '../domain/identity.ts';
import { controlQueue } from '../domain/queues.ts';
import { until } from '../test/e2e/stage.ts';
import { startDevServer } from '../test/support/dev-world.ts';
import { bundleWorkflows } from '../worker/workers.ts';
import { boundedRun, type Ends } from './bounded-run.ts';
import { spreadOf, writeResult } from './result.ts';

const repetitions = 3;
const systems = { ours: 2_000, 'SDK default': 10_000 } as const;
const workerScript = fileURLToPath(new URL('./fail-over-worker.ts', import.meta.url));
/** From the kill to the message. */
const settleMs = 500;
/** The whole benchmark ends within this. */
const deadlineMs = 300_000;

// From SIGKILL of the worker that holds a monitor to the answer of the standby, for both sticky timeouts in turn.
await boundedRun(deadlineMs, async (folder, ends) => report(await measure(folder, ends)));

type Seconds = Record<keyof typeof systems, number[]>;

async function measure(folder: string, ends: Ends): Promise<Seconds> {
  const server = await startDevServer(folder);
  ends.push(() => server.stop());
  const connection = await NativeConnection.connect({ address: server.address });
  ends.push(() => connection.close());
  const storeFile = join(folder, 'store.db');
  const store = await openStore(storeFile);
  ends.push(() => store.close());
  const bundleFile = join(folder, 'workflows.js');
  await writeFile(bundleFile, (await bundleWorkflows()).code);
  const client = new Client({ connection });
  const seconds: Seconds = { ours: [], 'SDK default': [] };
  for (let round = 0; round < repetitions; round += 1) {
    for (const name of ['ours', 'SDK default'] as const) {
      const startWorker = () =>
        forkWorker([server.address, storeFile, bundleFile, String(systems[name])], ends);
      const active = await startWorker();
      const handle = await startMonitor(client, `${name.toLowerCase().replace(' ', '-')}-${round}`);
      await until('the watch', async () => {
        const { phase } = await handle.query<{ phase: string }>('status');
        if (phase !== 'watching') throw new Error(`phase ${phase}`);
      });
      const standby = await startWorker();
      await sleep(1_500);
      await expectLastTaskBy(handle, active);
      const killedAtMs = performance.now();
      active.kill('SIGKILL');
      // Until the server has seen the connection close it may hand a task to the dead worker, which costs the task's own time limit.
      await sleep(settleMs);
      await handle.executeUpdate('pause', { args: [{ by: 'bench', note: 'fail-over' }] });
      const took = (performance.now() - killedAtMs) / 1_000;
      await expectLastTaskBy(handle, standby);
      seconds[name].push(took);
      console.log(`round ${round + 1}, ${name}: ${took.toFixed(2)} s`);
      await handle.terminate('measured');
      await killed(standby);
    }
  }
  return seconds;
}

async function forkWorker(args: readonly string[], ends: Ends): Promise<ChildProcess> {
  const child = fork(workerScript, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  ends.push(() => killed(child));
  const ended = once(child, 'exit').then(() => Promise.reject(new Error('a worker ended by itself')));
  ended.catch(() => undefined);
  await Promise.race([once(child, 'message'), ended]);
  return child;
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

function startMonitor(client: Client, product: string): Promise<WorkflowHandle> {
  const key = { product, environment: 'production', deployment: 'd1' };
  const input = {
    key,
    services: [{ service: 'web', release: 'v1' }],
    origin: 'reported',
    deployedAtMs: Date.now(),
    searchAttributes: false,
  };
  return client.workflow.start('monitorDeployment', {
    workflowId: monitorWorkflowId(key),
    taskQueue: controlQueue,
    args: [input],
  });
}

/** Without this the figure could be of a worker that was never in the way. */
async function expectLastTaskBy(handle: WorkflowHandle, { pid }: ChildProcess): Promise<void> {
  const { events = [] } = await handle.fetchHistory();
  const last = events?.findLast((event) => event.workflowTaskCompletedEventAttributes != null);
  const identity = last?.workflowTaskCompletedEventAttributes?.identity ?? 'nobody';
  if (!identity.startsWith(`${pid}@`))
    throw new Error(`the last workflow task was done by ${identity}, not ${pid}`);
}

async function report(seconds: Seconds): Promise<void> {
  const rows = Object.entries(seconds).map(([system, values]) => ({
    system,
    stickyTimeoutSeconds: systems[system as keyof typeof systems] / 1_000,
    ...spreadOf(values),
  }));
  const [ours, rival] = rows;
  const ratio = Number(((rival?.median ?? 0) / (ours?.median ?? 1)).toFixed(1));
  console.table(rows);
  console.log(`the SDK's default takes ${ratio} times as long`);
  await writeResult('fail-over', { unit: 'seconds', repetitions, rows, ratio });
}
