import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { watchConfigFile } from '../../config/watch-file.ts';
import { afterwards, cleanUp, eventually, temporaryFolder } from '../adapters/temporary.ts';

const intervalMs = 20;

async function aWatchedFile(onChange: (calls: number) => void = () => undefined) {
  const file = join(await temporaryFolder(), 'c.yml');
  await writeFile(file, 'a');
  const seen = { calls: 0 };
  const change = () => {
    seen.calls += 1;
    onChange(seen.calls);
  };
  const stop = watchConfigFile(file, change, { intervalMs });
  afterwards(stop);
  return { file, seen, stop };
}

afterEach(cleanUp);

describe('watching the configuration file', () => {
  it('tells of a change once', async () => {
    const { file, seen } = await aWatchedFile();
    await sleep(5 * intervalMs);
    expect(seen.calls).toBe(0);
    await writeFile(file, 'ab');
    await eventually(() => seen.calls === 1);
    await sleep(5 * intervalMs);
    expect(seen.calls).toBe(1);
  });

  it('follows a file that is replaced, also by one of the same size', async () => {
    const { file, seen } = await aWatchedFile();
    await writeFile(`${file}.new`, 'b');
    await rename(`${file}.new`, file);
    await eventually(() => seen.calls === 1);
    await rm(file);
    await sleep(5 * intervalMs);
    expect(seen.calls).toBe(1);
    await writeFile(file, 'c');
    await eventually(() => seen.calls === 2);
  });

  it('waits until a file that is being written rests', async () => {
    const { file, seen } = await aWatchedFile();
    for (let length = 2; length < 40; length += 1) {
      await writeFile(file, 'x'.repeat(length));
      await sleep(intervalMs / 4);
    }
    const during = seen.calls;
    await eventually(() => seen.calls === during + 1);
    expect(during).toBeLessThanOrEqual(2);
  });

  it('tells again when the change could not be taken', async () => {
    const { file, seen } = await aWatchedFile((calls) => {
      if (calls < 3) throw new Error('the store is down');
    });
    await writeFile(file, 'ab');
    await eventually(() => seen.calls === 3);
    await sleep(5 * intervalMs);
    expect(seen.calls).toBe(3);
  });

  it('ends when it is stopped', async () => {
    const { file, seen, stop } = await aWatchedFile();
    stop();
    await writeFile(file, 'ab');
    await sleep(5 * intervalMs);
    expect(seen.calls).toBe(0);
  });
});
