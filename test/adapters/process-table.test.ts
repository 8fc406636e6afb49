import { existsSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { isRunning, processTable, procTable, psTable } from '../../adapters/process-table.ts';
import { cleanUp, kill, startNode } from './temporary.ts';

const tables = existsSync('/proc/self/stat') ? { procTable, psTable } : { psTable };

describe.for(Object.entries(tables))('%s', ([, table]) => {
  afterEach(cleanUp);

  it('finds a process alone and among all, the same way each time', async () => {
    const child = startNode(['--eval', 'setInterval(() => {}, 1_000)']);
    const found = table.find(child.pid ?? 0);
    expect(found?.startTime).toBeTruthy();
    expect(table.find(child.pid ?? 0)).toEqual(found);
    expect(table.all()).toContainEqual(found);
  });

  it('does not find a process that ended', async () => {
    const child = startNode(['--eval', 'setInterval(() => {}, 1_000)']);
    await kill(child);
    expect(table.find(child.pid ?? 0)).toBeNull();
  });
});

describe('isRunning', () => {
  it('does not take a later process with the same pid for an earlier one', () => {
    const self = processTable.find(process.pid);
    expect(self !== null && isRunning(self)).toBe(true);
    expect(isRunning({ pid: process.pid, startTime: 'another time' })).toBe(false);
  });
});
