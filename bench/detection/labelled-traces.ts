import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { minutesBefore, type Trace } from './trace.ts';
import { minutes } from './traffic-model.ts';

export interface Label {
  readonly id: string;
  readonly scenario: string;
  readonly kind: 'null' | 'regression';
  readonly mean_rpm: number;
  readonly base_error_rate?: number;
  /** Minutes after the deployment. */
  readonly onset_min: number | null;
  /** `false`: the trace does not hold evidence enough for anybody. */
  readonly detectable?: boolean;
  readonly borderline?: boolean;
  readonly ambiguous?: boolean;
}

/** A folder of `labels.json` and one gzipped table a trace; `null` where there is none. */
export async function readLabels(folder: URL): Promise<Label[] | null> {
  try {
    return JSON.parse(await readFile(new URL('labels.json', folder), 'utf8')) as Label[];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

export async function readTrace(folder: URL, id: string): Promise<Trace> {
  const text = gunzipSync(await readFile(new URL(`${id}.csv.gz`, folder))).toString('utf8');
  const [head = '', ...lines] = text.trimEnd().split('\n');
  const names = head.split(',');
  const columns = names.map(() => new Float64Array(minutes).fill(Number.NaN));
  for (const line of lines) {
    const cells = line.split(',');
    const row = Number(cells[0]) + minutesBefore;
    cells.forEach((cell, index) => {
      const column = columns[index];
      if (column !== undefined && cell !== '') column[row] = Number(cell);
    });
  }
  const column = (name: string) => {
    const found = columns[names.indexOf(name)];
    if (found === undefined) throw new Error(`${id} has no column ${name}; its columns: ${head}`);
    return found;
  };
  return {
    requests: column('req'),
    errors: column('err'),
    p95Ms: column('p95_ms'),
    memoryPercent: column('mem_pct'),
    dbErrors: column('db_err'),
    healthFailed: column('hc_fail'),
    peerRequests: column('peer_req'),
    peerErrors: column('peer_err'),
    peerP95Ms: column('peer_p95_ms'),
  };
}
