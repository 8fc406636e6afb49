import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { NativeConnection, type NativeConnectionOptions } from '@temporalio/worker';
import { shortDuration } from '../../../domain/detection/verdict.ts';
import { searchAttributeNames } from '../../../worker/prepare-namespace.ts';
import { findTemporal } from '../../../worker/temporal-server.ts';
import { apiFile, type CommonOptions, dataFolder } from '../context.ts';
import { type Finding, looker, Warning } from './finding.ts';

interface Server {
  readonly found: string;
  readonly options: NativeConnectionOptions;
  readonly namespace: string;
}

/** Checks are dated by the server, so a clock that is minutes off makes evidence of the wrong minutes. */
const mostSkewMs = 5_000;

/** The configured server; or the program of the embedded one, and the one that runs. */
export async function lookAtTemporal(options: CommonOptions, fetch: boolean): Promise<Finding[]> {
  const look = looker('Temporal');
  let server: Server | null = null;
  const found = await look(
    'temporal',
    async () => {
      const lines: string[] = [];
      const temporal = await findTemporal({ say: (line) => lines.push(line) });
      const how = `${temporal.found}${fetch ? ' (ready)' : ''}${lines.length > 0 ? ` [${lines.join('; ')}]` : ''}`;
      if (temporal.kind === 'program') {
        server = await runningServer(options);
        return server === null ? `${how}; it is not running` : `${how}; it runs at ${server.options.address}`;
      }
      server = { found: temporal.found, options: temporal.connection, namespace: temporal.namespace };
      return how;
    },
    'see that TEMPORAL_ADDRESS is right and the server runs; without it, "orchestrator doctor --fetch" gets one',
  );
  if (server === null) return [found];
  return lookInside(server, found);
}

async function lookInside(server: Server, found: Finding): Promise<Finding[]> {
  const look = looker('Temporal');
  let connection: NativeConnection | null = null;
  const answering = await look(
    'temporal',
    async () => {
      connection = await NativeConnection.connect(server.options).catch((error: unknown) => {
        throw new Error(`${server.found} does not answer`, { cause: error });
      });
      return found.detail;
    },
    `start the server at ${server.options.address ?? 'its address'}, or correct TEMPORAL_ADDRESS and its TLS settings`,
  );
  if (connection === null) return [answering];
  const open = connection as NativeConnection;
  try {
    const namespace = await look(
      'temporal',
      async () => {
        await open.workflowService.describeNamespace({ namespace: server.namespace });
        return `${found.detail}, namespace ${server.namespace}`;
      },
      `make the namespace with "temporal operator namespace create ${server.namespace}", or correct TEMPORAL_NAMESPACE and TEMPORAL_API_KEY`,
    );
    if (!namespace.ok) return [namespace];
    return [namespace, await lookAtAttributes(open, server), await lookAtClock(open, server)];
  } finally {
    await open.close();
  }
}

async function lookAtAttributes(connection: NativeConnection, { namespace }: Server): Promise<Finding> {
  const create = `temporal operator search-attribute create ${searchAttributeNames.map((name) => `--name ${name} --type Keyword`).join(' ')}`;
  return looker('Temporal')(
    'search attributes',
    async () => {
      const known = await connection.operatorService.listSearchAttributes({ namespace }).then(
        ({ customAttributes }) => Object.keys(customAttributes ?? {}),
        (): string[] => [],
      );
      const missing = searchAttributeNames.filter((name) => !known.includes(name));
      if (missing.length === 0) return 'registered';
      throw new Warning(`not registered: lists in the Temporal UI say less (${missing.join(', ')})`, create);
    },
    create,
  );
}

/** The server says when it last saw a poller: one of ours, on a task queue of its own, tells its time. Nothing is left behind. */
async function lookAtClock(connection: NativeConnection, { namespace }: Server): Promise<Finding> {
  return looker('Temporal')(
    'clock',
    async () => {
      const taskQueue = { name: `doctor-${process.pid}-${Date.now()}` };
      const identity = 'doctor';
      const askedMs = Date.now();
      const polling = connection.workflowService.pollActivityTaskQueue({ namespace, taskQueue, identity });
      polling.catch(() => undefined);
      await sleep(300);
      const answer = await connection.workflowService.describeTaskQueue({
        namespace,
        taskQueue,
        taskQueueType: 2 as never,
      });
      const time = answer.pollers?.[0]?.lastAccessTime;
      if (time == null) throw new Warning('the server did not tell its time', 'nothing, unless it stays so');
      const serverMs = Number(time.seconds) * 1_000 + Math.floor((time.nanos ?? 0) / 1e6);
      const skewMs = Math.abs(serverMs - askedMs);
      if (skewMs > mostSkewMs)
        throw new Error(`${shortDuration(skewMs)} ${serverMs < askedMs ? 'ahead of' : 'behind'} the server`);
      return `within ${shortDuration(Math.max(1, skewMs))} of the server`;
    },
    'set the clock by NTP on this machine and on the server: timedatectl set-ntp true',
  );
}

async function runningServer(options: CommonOptions): Promise<Server | null> {
  const text = await readFile(apiFile(dataFolder(options)), 'utf8').catch(() => null);
  if (text === null) return null;
  const { temporalAddress: address, pid } = JSON.parse(text) as { temporalAddress?: string; pid?: number };
  if (address === undefined || pid === undefined || !isRunning(pid)) return null;
  return { found: `the embedded server (${address})`, options: { address }, namespace: 'default' };
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
