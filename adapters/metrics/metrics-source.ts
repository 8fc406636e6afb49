import type { Instance } from '../../domain/live.ts';
import type { Counts, Sample } from '../../domain/sample.ts';

/** A JSON value that only the adapter understands: what it must remember between two measurements. */
export type Cursor =
  | string
  | number
  | boolean
  | null
  | readonly Cursor[]
  | { readonly [key: string]: Cursor };

export interface MeasureRequest {
  readonly product: string;
  readonly environment: string;
  readonly service: string;
  readonly instances: readonly Instance[];
  /** What the last measurement returned; `null` for the first one and after a gap, which re-bases counters. */
  readonly cursor: Cursor | null;
  readonly signal: AbortSignal;
}

/**
 * `measured`: counts since the cursor's measurement (all zero without a cursor, gauges are valid).
 * The others are five different kinds of blindness and never a breach.
 */
export type Measurement =
  | {
      readonly kind: 'measured';
      readonly counts: Counts;
      readonly cursor: Cursor;
      readonly missing: readonly string[];
    }
  | {
      readonly kind: 'no_data' | 'error' | 'timeout' | 'rate_limited' | 'stale';
      /** One sentence with the address and what was found there. */
      readonly reason: string;
    };

export interface HistoryRequest {
  readonly product: string;
  readonly environment: string;
  readonly service: string;
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Between two samples. */
  readonly stepMs: number;
  readonly signal: AbortSignal;
}

/** The past in steps, oldest first; where nothing is known a sample is missing. The others are as those of a {@link Measurement}. */
export type History =
  | { readonly kind: 'read'; readonly samples: readonly Sample[] }
  | Exclude<Measurement, { readonly kind: 'measured' }>;

/** Where metrics are read. Never throws: not being able to read is an answer. */
export interface MetricsSource {
  measure(request: MeasureRequest): Promise<Measurement>;
  /** What was measured in the past; absent: the source knows the present only. */
  readonly history?: (request: HistoryRequest) => Promise<History>;
}
