import type { Histogram } from '../histogram.ts';

/** Healthy behaviour that samples are compared with, as counts: how much of it was seen is part of the evidence. */
export interface Reference {
  readonly kind: 'own_baseline' | 'last_known_good' | 'before_deployment';
  /** How a sentence calls it: `v2.4.0`, `its own first 5 min`. */
  readonly label: string;
  readonly requests: number;
  readonly errors: number;
  /** Observed time behind the counts, milliseconds. */
  readonly durationMs: number;
  readonly latency: Histogram | null;
}

/** Errors per request. */
export function errorShare(reference: Reference): number {
  return reference.requests > 0 ? reference.errors / reference.requests : 0;
}

/**
 * The healthiest reference by the given measure. One without traffic says nothing and is not applicable: an
 * all-zero control must neither hide errors nor make one error a breach (kayenta, spinnaker #5622).
 */
export function healthiest(
  references: readonly Reference[],
  badness: (reference: Reference) => number | null,
): Reference | null {
  let best: { reference: Reference; value: number } | null = null;
  for (const reference of references) {
    const value = reference.requests > 0 ? badness(reference) : null;
    if (value !== null && (best === null || value < best.value)) best = { reference, value };
  }
  return best?.reference ?? null;
}
