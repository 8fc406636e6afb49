import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** A process that no later one with the same pid is taken for. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Opaque; equal only for the same process. */
  readonly startTime: string;
}

/** A living process; zombies are not listed. */
export interface ProcessEntry extends ProcessIdentity {
  readonly group: number;
}

export interface ProcessTable {
  find(pid: number): ProcessEntry | null;
  all(): ProcessEntry[];
}

/** Linux: `/proc`. The boot id is part of the start time, which counts from boot. */
export const procTable: ProcessTable = {
  find: (pid) => parseStat(pid, readOrNull(`/proc/${pid}/stat`)),
  all: () =>
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((name) => procTable.find(Number(name)))
      .filter((entry) => entry !== null),
};

/** Elsewhere: `ps`, whose start times have a resolution of one second. */
export const psTable: ProcessTable = {
  find: (pid) => listWithPs(['-p', String(pid)]).at(0) ?? null,
  all: () => listWithPs(['-A']),
};

/** The processes of this machine. */
export const processTable: ProcessTable = existsSync('/proc/self/stat') ? procTable : psTable;

/** Whether this very process still runs; a stranger that was given its pid later is not it. */
export function isRunning(identity: ProcessIdentity): boolean {
  return processTable.find(identity.pid)?.startTime === identity.startTime;
}

/** Living members of a process group. */
export function groupMembers(group: number): ProcessEntry[] {
  return canSignalGroup(group) ? processTable.all().filter((entry) => entry.group === group) : [];
}

/** Signals a process group; a group that is gone already is fine. */
export function signalGroup(group: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(-group, signal);
  } catch (error) {
    if (!isNoSuchProcess(error)) throw error;
  }
}

function canSignalGroup(group: number): boolean {
  try {
    return process.kill(-group, 0);
  } catch (error) {
    return !isNoSuchProcess(error);
  }
}

function isNoSuchProcess(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ESRCH';
}

function parseStat(pid: number, stat: string | null): ProcessEntry | null {
  if (stat === null) return null;
  // The name in parentheses may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, , group] = fields;
  if (state === undefined || 'ZX'.includes(state)) return null;
  return { pid, group: Number(group), startTime: `${fields[19]}@${bootId()}` };
}

function bootId(): string {
  return readOrNull('/proc/sys/kernel/random/boot_id')?.trim() ?? '';
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

function listWithPs(selection: readonly string[]): ProcessEntry[] {
  const lines = psOutput(selection).split('\n');
  return lines.flatMap((line) => {
    const [, pid, group, state, startTime] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.+?)\s*$/.exec(line) ?? [];
    if (startTime === undefined || state?.startsWith('Z')) return [];
    return [{ pid: Number(pid), group: Number(group), startTime }];
  });
}

function psOutput(selection: readonly string[]): string {
  try {
    return execFileSync('ps', [...selection, '-o', 'pid=,pgid=,stat=,lstart='], {
      encoding: 'utf8',
      env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return '';
  }
}
