import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFileLogs } from '../../../adapters/logs/file-logs.ts';

const since = Date.UTC(2026, 2, 1, 10, 0, 0);
const iso = (seconds: number) => new Date(since + seconds * 1_000).toISOString();

describe('logs in files', () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'file-logs-'));
  });
  afterEach(() => rm(root, { recursive: true }));

  const write = async (name: string, lines: string[]) =>
    writeFile(join(root, name), lines.map((l) => `${l}\n`).join(''));

  async function excerpt(
    over: { paths?: string[]; limit?: number; untilMs?: number; signal?: AbortSignal } = {},
  ) {
    const { paths = [join(root, '{service}.log')], ...rest } = over;
    return createFileLogs({ paths }).excerpt({
      service: 'web',
      release: 'v1',
      sinceMs: since,
      untilMs: since + 3_600_000,
      limit: 100,
      signal: new AbortController().signal,
      ...rest,
    });
  }

  it('gives the matching lines of the wanted time, oldest first, and where they are', async () => {
    await write('web.log', [
      `${iso(-60)} ERROR too early`,
      `${iso(1)} INFO all is well`,
      `${iso(2)} ERROR pool exhausted`,
      `${iso(3)} GET /pay 503`,
      `${iso(4)} INFO took 512 ms`,
      `${iso(3_601)} ERROR too late`,
    ]);
    expect(await excerpt()).toEqual({
      lines: [`${iso(2)} ERROR pool exhausted`, `${iso(3)} GET /pay 503`],
      total: 2,
      reference: `${join(root, 'web.log')}:3-5`,
    });
  });

  it('keeps a stack trace with its first line', async () => {
    const trace = [
      `${iso(1)} ERROR boom`,
      'TypeError: x is undefined',
      '    at pay (pay.js:3:1)',
      '    at main.js:1',
    ];
    await write('web.log', [...trace, `${iso(2)} INFO fine`]);
    const { lines, total } = await excerpt();
    expect(lines).toEqual([trace.join('\n')]);
    expect(total).toBe(1);
  });

  it('keeps to the limit, counts the rest and cuts lines to 2,000 characters', async () => {
    await write(
      'web.log',
      Array.from({ length: 250 }, (_, i) => `${iso(i)} error ${i} ${'x'.repeat(3_000)}`),
    );
    const { lines, total } = await excerpt();
    expect(lines).toHaveLength(100);
    expect(lines[99]).toContain('error 99 ');
    expect(Math.max(...lines.map((line) => line.length))).toBe(2_000);
    expect(total).toBe(250);
  });

  it('reads JSON lines with times in milliseconds, seconds or ISO, and their numeric levels', async () => {
    await write('web.log', [
      JSON.stringify({ level: 30, time: since + 1_000, pid: 4, msg: 'fine' }),
      JSON.stringify({ level: 50, time: since + 2_000, msg: 'pool is empty' }),
      JSON.stringify({ level: 'info', ts: since / 1_000 + 3.5, msg: 'connection refused' }),
      JSON.stringify({ '@timestamp': iso(4), message: 'request failed' }),
      JSON.stringify({ level: 50, time: since - 9_000, msg: 'early' }),
    ]);
    const { lines } = await excerpt();
    expect(lines.map((line) => /pool is empty|refused|failed|early|fine/.exec(line)?.[0])).toEqual([
      'pool is empty',
      'refused',
      'failed',
    ]);
  });

  it('takes digits of a timestamp for no status', async () => {
    await write('web.log', [
      '2026-03-01 10:00:01,503 INFO a',
      '2026-03-01T10:00:02.500Z INFO b',
      `${iso(3)} 500`,
    ]);
    expect((await excerpt()).total).toBe(1);
  });

  it('gives the first lines at all when nothing matches', async () => {
    await write('web.log', [`${iso(1)} a`, `${iso(2)} b`]);
    expect(await excerpt({ limit: 1 })).toMatchObject({
      lines: [`${iso(1)} a`],
      total: 0,
      reference: expect.stringContaining('these are the first lines'),
    });
  });

  it('puts lines of several files in the order of time', async () => {
    await mkdir(join(root, 'web'));
    await write('web/a.log', [`${iso(1)} error a1`, `${iso(3)} error a3`]);
    await write('web/b.log', [`${iso(2)} error b2`]);
    await write('other.log', [`${iso(2)} error of another service`]);
    const { lines, reference } = await excerpt({ paths: [join(root, '{service}', '*.log')] });
    expect(lines.map((line) => line.slice(-2))).toEqual(['a1', 'b2', 'a3']);
    expect(reference).toContain('a.log:1-2');
    expect(reference).toContain('b.log:1-1');
  });

  it('finds the time in a large file without reading it whole', async () => {
    const stream = createWriteStream(join(root, 'web.log'));
    const day = 86_400;
    for (let second = -day; second < day / 4; second += 1) {
      const noise = `${iso(second)} INFO request served ${'x'.repeat(900)}\n`;
      const text = second === 100 ? `${iso(second)} FATAL out of memory\n` : noise;
      if (!stream.write(text)) await once(stream, 'drain');
    }
    stream.end();
    await once(stream, 'finish');
    const startedMs = performance.now();
    const found = await excerpt({ untilMs: since + 600_000 });
    expect(found.lines).toEqual([`${iso(100)} FATAL out of memory`]);
    expect(found.reference).toMatch(new RegExp(`:${day + 101}-`));
    expect(performance.now() - startedMs).toBeLessThan(1_000);
  }, 30_000);

  it('reads the end of a log without times, if it was written since', async () => {
    const filler = Array.from({ length: 100_000 }, (_, i) => `line ${i} ${'y'.repeat(100)}`);
    await write('web.log', [
      'error: at the very beginning',
      ...filler,
      'Error: boom',
      '    at x.js:1',
      'fine',
    ]);
    const { lines, total } = await excerpt();
    expect(lines).toEqual(['Error: boom\n    at x.js:1']);
    expect(total).toBe(1);
    await utimes(join(root, 'web.log'), new Date(since - 60_000), new Date(since - 60_000));
    expect(await excerpt()).toMatchObject({ lines: [], total: 0 });
  });

  it('survives a line of many megabytes, binary bytes and an empty file', async () => {
    await write('web.log', [
      `${iso(1)} error ${'z'.repeat(20_000_000)}`,
      `${iso(2)} error \u0000\ufffd after`,
    ]);
    const { lines } = await excerpt();
    expect(lines.map((line) => line.length)).toEqual([2_000, `${iso(2)} error \u0000\ufffd after`.length]);
    await write('web.log', []);
    expect(await excerpt()).toMatchObject({ lines: [], total: 0 });
  });

  it('says where it looked when there is no file, or one that cannot be read', async () => {
    expect(await excerpt()).toEqual({
      lines: [],
      total: 0,
      reference: `no log file at ${join(root, 'web.log')}`,
    });
    await mkdir(join(root, 'web.log'));
    expect(await excerpt()).toMatchObject({
      lines: [],
      reference: expect.stringContaining('could not be read'),
    });
  });

  it('stops when it is cancelled', async () => {
    await write('web.log', [`${iso(1)} error`]);
    await expect(excerpt({ signal: AbortSignal.abort() })).rejects.toThrow();
  });
});
