import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { type Cell, cells, drawTrace } from './cells.ts';
import { minutesBefore, type Trace } from './trace.ts';

const pack = promisify(gzip);

/** So many are packed at a time while the next ones are drawn. */
const atOnce = 8;

/** Fresh deployments, healthy and sick by turns as the labelled ones are, in files of their format. */
export async function writeTraces(folder: string, count: number, seed: string): Promise<void> {
  const healthy = cells.filter(({ id }) => id.startsWith('quiet/'));
  const sick = cells.filter(({ id }) => /^(immediate|delayed|late)\//.test(id));
  for (let first = 0; first < count; first += atOnce) {
    const numbers = Array.from({ length: Math.min(atOnce, count - first) }, (_, i) => first + i);
    await Promise.all(
      numbers.map(async (number) => {
        const kinds = number % 2 === 0 ? healthy : sick;
        const cell = kinds[(number >> 1) % kinds.length] as Cell;
        const { trace } = drawTrace(cell, `${seed}/pace`, number);
        const file = join(folder, `trace-${String(number).padStart(5, '0')}.csv.gz`);
        await writeFile(file, await pack(traceText(trace), { level: 6 }));
      }),
    );
  }
}

const columns: readonly (readonly [name: string, key: keyof Trace])[] = [
  ['req', 'requests'],
  ['err', 'errors'],
  ['p95_ms', 'p95Ms'],
  ['mem_pct', 'memoryPercent'],
  ['db_err', 'dbErrors'],
  ['hc_fail', 'healthFailed'],
  ['peer_req', 'peerRequests'],
  ['peer_err', 'peerErrors'],
  ['peer_p95_ms', 'peerP95Ms'],
];

/** A row a minute; an empty cell is no data. */
export function traceText(trace: Trace): string {
  const lines = [`t,${columns.map(([name]) => name).join(',')}`];
  for (let row = 0; row < trace.requests.length; row += 1) {
    const values = columns.map(([, key]) => cellOf(trace[key][row] as number));
    lines.push(`${row - minutesBefore},${values.join(',')}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Counts as they are, measurements with three digits, as in the labelled traces. */
function cellOf(value: number): string {
  if (Number.isNaN(value)) return '';
  return String(Number.isInteger(value) ? value : Number(value.toPrecision(3)));
}
