import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { NativeConnection } from '@temporalio/worker';
import { within } from '../activities/within.ts';
import { isRunning, type ProcessIdentity, processTable } from '../adapters/process-table.ts';
import { addressesOf, type EmbeddedServer, startEmbedded } from './embedded-server.ts';
import { freePort } from './free-port.ts';
import type { ServerProgram } from './temporal-server.ts';

export interface SharedServerOptions {
  /** Keeps the server's state, its log, and the record of who runs it. */
  readonly dataFolder: string;
  /** Wanted ports; others are taken where these are not free. */
  readonly port: number;
  readonly uiPort: number;
  readonly program: ServerProgram;
  readonly say: (line: string) => void;
}

/** What a process that starts the server leaves for the next one. */
interface ServerRecord {
  readonly server: ProcessIdentity;
  /** The orchestrator that ends it. */
  readonly owner: ProcessIdentity;
  readonly address: string;
  readonly port: number;
  readonly uiUrl: string;
  readonly uiPort: number;
}

/**
 * The embedded server of a data folder: the one that runs there already, else a new one. An orchestrator that was killed
 * leaves its server behind, and a second one on the same file would corrupt it: the left one is joined or, where it does not
 * answer, ended. A server that dies is started again at the same address.
 */
export async function openSharedServer(options: SharedServerOptions): Promise<EmbeddedServer> {
  const record = recordIn(options.dataFolder);
  const left = await record.read();
  const { server, address, uiUrl } =
    (await joined(record, left, options.say)) ?? (await started(record, options));
  const stopGuarding = guard(record, options);
  return {
    address,
    uiUrl,
    pid: server.pid,
    async stop() {
      await stopGuarding();
      await stopIfOurs(record);
    },
  };
}

async function joined(
  record: RecordFile,
  left: ServerRecord | null,
  say: (line: string) => void,
): Promise<ServerRecord | null> {
  if (left === null || !isRunning(left.server)) return null;
  const { server, owner } = left;
  if (!(await answersSoon(left.address))) {
    say(`Temporal: ending the server of an earlier start, it does not answer (pid ${server.pid})`);
    await endProcess(server);
    return null;
  }
  const orphan = !isRunning(owner);
  if (orphan) await record.write({ ...left, owner: identityOf(process.pid) });
  const whose = orphan ? 'that an earlier start left running' : `of the orchestrator with pid ${owner.pid}`;
  say(`Temporal: embedded server ${whose} (pid ${server.pid})`);
  return left;
}

async function started(record: RecordFile, options: SharedServerOptions): Promise<ServerRecord> {
  options.say(`Temporal: embedded server from ${options.program.found}`);
  const ports = { port: await freePort(options.port), uiPort: await freePort(options.uiPort) };
  return run(record, options, ports);
}

interface Ports {
  readonly port: number;
  readonly uiPort: number;
}

async function run(
  record: RecordFile,
  { program, dataFolder }: SharedServerOptions,
  { port, uiPort }: Ports,
): Promise<ServerRecord> {
  // Taken one by one: a record has ports, too, and would bring the server that has died along.
  const ports = { port, uiPort };
  const owner = identityOf(process.pid);
  const recordOf = (pid: number) => ({ server: identityOf(pid), owner, ...ports, ...addressesOf(ports) });
  const { pid } = await startEmbedded({
    ...ports,
    program,
    dbFile: joinPath(dataFolder, 'temporal.db'),
    logFile: joinPath(dataFolder, 'temporal.log'),
    // Before it answers: an orchestrator that is killed now leaves a server, too.
    onSpawn: (spawned) => record.write(recordOf(spawned)),
  });
  return recordOf(pid);
}

const guardEveryMs = 1_000;

/** Starts our server again when it has died, and takes over from an owner that has died. Returns a stop function. */
function guard(record: RecordFile, options: SharedServerOptions): () => Promise<void> {
  const stopping = new AbortController();
  const { signal } = stopping;
  const rounds = (async () => {
    while (!signal.aborted) {
      await sleep(guardEveryMs, undefined, { ref: false, signal }).catch(() => undefined);
      if (!signal.aborted) await look().catch((error: unknown) => options.say(`Temporal: ${String(error)}`));
    }
  })();
  return async () => {
    stopping.abort();
    await rounds;
  };

  async function look(): Promise<void> {
    const known = await record.read();
    if (known === null) return;
    if (!isRunning(known.owner)) return record.write({ ...known, owner: identityOf(process.pid) });
    if (known.owner.pid !== process.pid || isRunning(known.server)) return;
    options.say(`Temporal: the embedded server (pid ${known.server.pid}) has died, starting it again`);
    await run(record, options, known);
  }
}

/** Who started the server, or took it over from a dead orchestrator, ends it; others only leave. */
async function stopIfOurs(record: RecordFile): Promise<void> {
  const known = await record.read();
  if (known === null || known.owner.pid !== process.pid) return;
  await endProcess(known.server);
  await record.remove();
}

type RecordFile = ReturnType<typeof recordIn>;

function recordIn(dataFolder: string) {
  const file = joinPath(dataFolder, 'temporal.json');
  return {
    read: async (): Promise<ServerRecord | null> => {
      try {
        return JSON.parse(await readFile(file, 'utf8')) as ServerRecord;
      } catch {
        // None yet, or half written by a process that was killed meanwhile.
        return null;
      }
    },
    async write(record: ServerRecord): Promise<void> {
      await mkdir(dataFolder, { recursive: true });
      await writeFile(`${file}.new`, `${JSON.stringify(record, null, 2)}\n`);
      await rename(`${file}.new`, file);
    },
    remove: () => rm(file, { force: true }),
  };
}

function identityOf(pid: number): ProcessIdentity {
  const { startTime = 'unknown' } = processTable.find(pid) ?? {};
  return { pid, startTime };
}

const patienceMs = 10_000;
const answerMs = 3_000;

/** A server that was just started may need a moment; one that hangs takes the connection and says nothing. */
async function answersSoon(address: string): Promise<boolean> {
  const end = Date.now() + patienceMs;
  while (Date.now() < end) {
    try {
      const connection = await within(end - Date.now(), address, () => NativeConnection.connect({ address }));
      // On a busy machine a connection was once made with a server that was stopped: only an answer proves one.
      const answer = () => connection.workflowService.getSystemInfo({});
      try {
        await within(answerMs, address, answer);
      } finally {
        await connection.close();
      }
      return Date.now() < end + answerMs;
    } catch {
      await sleep(250);
    }
  }
  return false;
}

async function endProcess(identity: ProcessIdentity): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (!isRunning(identity)) return;
    process.kill(identity.pid, signal);
    for (let waited = 0; waited < patienceMs && isRunning(identity); waited += 50) await sleep(50);
  }
}
