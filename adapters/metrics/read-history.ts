import type { Sample } from '../../domain/sample.ts';
import type { HistoryRequest, MetricsSource } from './metrics-source.ts';

type About = Omit<HistoryRequest, 'sinceMs' | 'untilMs'>;

/**
 * Reads a service's past from its source, as a store would have kept it; `null`: the source knows the present only. A time of
 * which the source knows nothing is empty; a source that does not answer throws.
 */
export function historyReader(
  source: MetricsSource,
  about: About,
): ((range: { readonly sinceMs: number; readonly untilMs: number }) => Promise<readonly Sample[]>) | null {
  const { history } = source;
  if (history === undefined) return null;
  return async (range) => {
    const found = await history({ ...about, ...range });
    if (found.kind === 'read') return found.samples;
    if (found.kind === 'no_data') return [];
    throw new HistoryUnreadable(`${found.kind}: ${found.reason}`);
  };
}

export class HistoryUnreadable extends Error {
  override readonly name = 'HistoryUnreadable';
}
