import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { z } from 'zod';
import { childEnvironment } from '../../child-environment.ts';
import { replaceFile } from '../../durable-file.ts';
import { groupMembers, isRunning, processTable, signalGroup } from '../../process-table.ts';
import { type StopOptions, stopGroup } from '../../stop-group.ts';

const recordSchema = z.object({
  pid: z.number().int().positive(),
  startTime: z.string(),
  release: z.string(),
  port: z.number(),
  key: z.string(),
  startedAtMs: z.number(),
});

/** What the pid file of an instance says. */
export type InstanceRecord = z.infer<typeof recordSchema>;

export interface Launch {
  readonly command: readonly string[];
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
  readonly pidFile: string;
  readonly release: string;
  readonly port: number;
  readonly key: string;
}

/**
 * Waits for a line from the worker before it becomes the instance, under the same pid. A worker killed
 * before the pid file is written closes the pipe and the gate ends, so that no instance ever runs unrecorded
 * and keeps its port from the one that the repeated step starts.
 */
const gate = 'read -r go && exec "$@" </dev/null';

/** Starts a process, leader of its own group, that survives the worker; it is on record before it runs. */
export async function startInstance(launch: Launch): Promise<InstanceRecord> {
  const log = await open(launch.logFile, 'a');
  try {
    const child = spawn('/bin/sh', ['-c', gate, 'sh', ...launch.command], {
      cwd: launch.folder,
      env: childEnvironment({ ...launch.env, PORT: String(launch.port), RELEASE: launch.release }),
      detached: true,
      stdio: ['pipe', log.fd, log.fd],
    });
    child.unref();
    try {
      await once(child, 'spawn');
      const record = recordOf(child.pid, launch);
      await replaceFile(launch.pidFile, JSON.stringify(record));
      await openGate(child.stdin);
      return record;
    } finally {
      // What could not be put on record ends behind its gate.
      child.stdin?.destroy();
    }
  } finally {
    await log.close();
  }
}

/** Ends an instance and what its process group left behind; one that ended already is fine. */
export async function stopInstance(record: InstanceRecord, options: StopOptions): Promise<void> {
  if (isRunning(record)) await stopGroup(record.pid, options);
  else if (leftBehind(record)) signalGroup(record.pid, 'SIGKILL');
}

/** What the pid file says, or `null` without one that can be read. */
export async function readRecord(pidFile: string): Promise<InstanceRecord | null> {
  try {
    return recordSchema.parse(JSON.parse(await readFile(pidFile, 'utf8')));
  } catch {
    return null;
  }
}

function recordOf(pid: number | undefined, launch: Launch): InstanceRecord {
  const entry = pid === undefined ? null : processTable.find(pid);
  if (entry === null) throw new Error(`${launch.command.join(' ')} ended before it was started`);
  const { pid: livePid, startTime } = entry;
  const { release, port, key } = launch;
  return { pid: livePid, startTime, release, port, key, startedAtMs: Date.now() };
}

async function openGate(stdin: Writable | null): Promise<void> {
  if (stdin === null) return;
  await new Promise<void>((resolve) => {
    // A gate that was killed meanwhile shows up as an instance that does not run.
    stdin.on('error', () => resolve());
    stdin.end('go\n', () => resolve());
  });
}

/**
 * Whether the group of a dead leader still has members which are certainly the instance's: they would keep
 * its port. The pid may have gone to a stranger's group meanwhile, so their environment must name the port.
 */
function leftBehind(record: InstanceRecord): boolean {
  const members = groupMembers(record.pid);
  return (
    members.length > 0 && members.every((member) => environmentOf(member.pid).includes(`PORT=${record.port}`))
  );
}

function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    return [];
  }
}
