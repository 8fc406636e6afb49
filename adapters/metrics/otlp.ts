import { orAborted } from '../or-aborted.ts';
import { type OtlpNames, type PushedInstance, readingOf } from '../otlp/pushed.ts';
import type { PushedRecords } from '../store/pushed.ts';
import { cursorFormat } from './cursor-format.ts';
import type { MetricsSource } from './metrics-source.ts';
import { countedSince, type Outcome } from './per-instance.ts';

export interface OtlpOptions {
  /** Where the receiver keeps what is pushed. */
  readonly records: Pick<PushedRecords, 'read'>;
  readonly names: OtlpNames;
  /** What memory is a percentage of, MiB (1,048,576 bytes). */
  readonly memoryLimitMb?: number | undefined;
  /** An instance that did not push for this long is not known. */
  readonly staleAfterMs?: number | undefined;
  /** For the store. */
  readonly timeoutMs?: number | undefined;
}

/** An instance that has been silent for longer is gone, as one that was replaced. */
const goneAfterMs = 15 * 60_000;

/** Reads what a service's instances pushed by OTLP, which the API receives and the store keeps. */
export function createOtlpSource(options: OtlpOptions): MetricsSource {
  const { records, names, memoryLimitMb, staleAfterMs = 180_000, timeoutMs = 5_000 } = options;
  const memoryLimitBytes = memoryLimitMb === undefined ? null : memoryLimitMb * 1_048_576;
  const format = cursorFormat('otlp/1', names);
  return {
    async measure({ product, environment, service, cursor, signal }) {
      const key = { product, environment, service };
      const who = `OTLP of ${product}/${service}`;
      const nowMs = Date.now();
      const since = nowMs - Math.max(goneAfterMs, 2 * staleAfterMs);
      const rows = await within(timeoutMs, signal, () => records.read(key, since));
      if ('kind' in rows) return { kind: rows.kind, reason: `${who}, from the store: ${rows.found}` };
      if (rows.length === 0)
        return { kind: 'no_data', reason: `${who}: nothing was pushed within ${minutes(nowMs - since)} min` };
      const read = rows.map(({ instance, atMs, document }): Outcome => {
        const about = { instance, address: who };
        if (nowMs - atMs > staleAfterMs) return { ...about, kind: 'stale', found: 'is silent' };
        // All are read at one time, whenever each of them pushed.
        const reading = readingOf(JSON.parse(document) as PushedInstance, memoryLimitBytes, nowMs);
        if (reading === null) return { ...about, kind: 'no_data', found: `no ${names.latency}` };
        return { kind: 'answered', instance, reading };
      });
      if (read.some(({ kind }) => kind === 'answered'))
        return { kind: 'measured', ...countedSince(cursor, read, format) };
      if (read.some(({ kind }) => kind === 'no_data'))
        return { kind: 'no_data', reason: `${who}: no ${names.latency} is among what is pushed` };
      const newestMs = Math.max(...rows.map(({ atMs }) => atMs));
      return {
        kind: 'stale',
        reason: `${who}: was last pushed ${Math.round((nowMs - newestMs) / 1_000)} s ago`,
      };
    },
  };
}

function minutes(ms: number): number {
  return Math.round(ms / 60_000);
}

async function within<T extends object>(
  timeoutMs: number,
  signal: AbortSignal,
  ask: () => Promise<T>,
): Promise<T | { readonly kind: 'timeout' | 'error'; readonly found: string }> {
  const limit = AbortSignal.timeout(timeoutMs);
  try {
    return await orAborted(ask(), AbortSignal.any([limit, signal]));
  } catch (error) {
    if (limit.aborted) return { kind: 'timeout', found: `no answer within ${timeoutMs} ms` };
    return { kind: 'error', found: signal.aborted ? 'the check was cancelled' : (error as Error).message };
  }
}
