import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { CellRanges, lineEnd } from './cell-ranges.ts';
import { minutesAfter, minutesBefore, type Trace } from './trace.ts';

/** What the columns of a trace file are called. */
const columnNames: Readonly<Record<keyof Trace, string>> = {
  requests: 'req',
  errors: 'err',
  p95Ms: 'p95_ms',
  memoryPercent: 'mem_pct',
  dbErrors: 'db_err',
  healthFailed: 'hc_fail',
  peerRequests: 'peer_req',
  peerErrors: 'peer_err',
  peerP95Ms: 'peer_p95_ms',
};
const needed = ['t', 'req', 'err'];
const known = ['t', ...Object.values(columnNames)];
const rows = minutesBefore + minutesAfter;
/** A file that unpacks to more than this is none of ours, bytes. */
const longestFile = 32 * 1024 * 1024;

const unpack = promisify(gunzip);

/** Reads `*.csv` or `*.csv.gz`; what is wrong with it is an error that names file, line and column. */
export async function readTraceFile(file: string): Promise<Trace> {
  const bytes = await readFile(file);
  if (!file.endsWith('.gz')) return parseTrace(bytes.toString('utf8'), file);
  const text = await unpack(bytes, { maxOutputLength: longestFile }).catch((error: Error) => {
    throw new Error(`${file}: cannot be unpacked: ${error.message}; allowed is gzip of at most 32 MiB`);
  });
  return parseTrace(text.toString('utf8'), file);
}

/**
 * A table with a row a minute. Columns of neighbours and others that nobody measured may be absent, rows may be missing, and
 * an empty cell is no data.
 */
export function parseTrace(text: string, file: string): Trace {
  const table = text.replace(/^\uFEFF/, '');
  const names = table.slice(0, lineEnd(table, 0)).trim().split(',');
  const columns = columnsOf(names, file);
  const time = names.indexOf('t');
  const seen = new Uint8Array(rows);
  const cells = new CellRanges(names.length);
  let from = lineEnd(table, 0) + 1;
  for (let i = 1; from < table.length; i += 1) {
    const end = lineEnd(table, from);
    const found = cells.find(table, from, end);
    from = end + 1;
    if (found === 0) continue;
    if (found !== names.length)
      throw new Error(`${file}:${i + 1}: found ${found} cells, allowed are ${names.length}`);
    const minute = cells.text(table, time);
    const row = Number(minute) + minutesBefore;
    if (minute === '' || !Number.isInteger(row) || row < 0 || row >= rows)
      throw wrongCell(file, i, 't', minute, `a whole number from ${-minutesBefore} to ${minutesAfter - 1}`);
    if (seen[row] === 1) throw wrongCell(file, i, 't', minute, 'each minute once');
    seen[row] = 1;
    for (let at = 0; at < names.length; at += 1) {
      const column = columns[at];
      if (column == null || cells.isEmpty(at)) continue;
      const value = cells.number(table, at);
      if (!(value >= 0 && value < Number.POSITIVE_INFINITY))
        throw wrongCell(file, i, names[at] as string, cells.text(table, at), 'a number from 0, or nothing');
      column[row] = value;
    }
  }
  const column = (name: string) => columns[names.indexOf(name)] ?? new Float64Array(rows).fill(Number.NaN);
  return Object.fromEntries(
    Object.entries(columnNames).map(([key, name]) => [key, column(name)]),
  ) as unknown as Trace;
}

/** By position; `null`: the column is not ours. */
function columnsOf(names: readonly string[], file: string): (Float64Array | null)[] {
  const missing = needed.filter((name) => !names.includes(name));
  const strange = names.find((name) => !known.includes(name));
  // A misspelt column would silently be no data.
  const misspelt =
    strange !== undefined && known.some((name) => !name.startsWith('peer_') && !names.includes(name));
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  const problem =
    missing.length > 0
      ? `there is no column ${missing.join(' and no column ')}; found`
      : twice !== undefined
        ? `the column ${twice} is there twice; found`
        : misspelt
          ? `unknown column ${JSON.stringify(strange)}; found`
          : null;
  if (problem !== null)
    throw new Error(
      `${file}:1: ${problem} ${JSON.stringify(names.join(',').slice(0, 200))}, allowed are ${known.join(',')}`,
    );
  return names.map((name) =>
    name !== 't' && known.includes(name) ? new Float64Array(rows).fill(Number.NaN) : null,
  );
}

function wrongCell(file: string, at: number, column: string, cell: string | undefined, allowed: string) {
  const found = JSON.stringify((cell ?? '').slice(0, 80));
  return new Error(`${file}:${at + 1}: column ${column}: found ${found}, allowed is ${allowed}`);
}
