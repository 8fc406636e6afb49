import type { Counts } from '../../../domain/sample.ts';
import type { Answered } from '../json.ts';

/** The instances' percentiles as one: their mean. They do not add up, and how many requests each answered just now nobody says. */
export function percentileOf(read: readonly Answered[]): Pick<Counts, 'latencyQuantileMs'> {
  const known = read.flatMap(({ percentileMs }) => percentileMs ?? []);
  if (known.length === 0) return {};
  return { latencyQuantileMs: known.reduce((sum, value) => sum + value, 0) / known.length };
}
