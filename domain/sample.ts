import { addHistograms, type Histogram } from './histogram.ts';

/** One health probe of one instance. */
export interface Probe {
  readonly instance: string;
  readonly healthy: boolean;
  /** What the probe saw: `200 in 4 ms`, `connection refused`. */
  readonly detail: string;
}

/** One instance's or one endpoint's share of the counts, where the source can tell them apart. */
export interface Part {
  readonly by: 'instance' | 'endpoint';
  readonly name: string;
  readonly requests: number;
  readonly errors: number;
}

/** What happened between two measurements, as counts: they add up over any window. */
export interface Counts {
  readonly requests: number;
  readonly errors: number;
  /** Latency of the requests; `null` where the source has no histogram. */
  readonly latency: Histogram | null;
  /** The percentile that the trigger names, milliseconds, where the source tells nothing else of latency. */
  readonly latencyQuantileMs?: number | null;
  /** Failed attempts to get a database connection; `null` where the service does not tell. */
  readonly dbConnectionErrors: number | null;
  /** Highest memory use of any instance, percent (0..100) of the configured limit; `null` without a limit. */
  readonly memoryPercent: number | null;
  /** Mean CPU use of the instances, percent (0..100) of one core each; `null` where unknown. */
  readonly cpuPercent: number | null;
  /** Distinct users who met an error, where the metrics tell; `null` = unknown. */
  readonly affectedUsers: number | null;
  /** The largest endpoints, and the instances if there are several; absent: the source does not tell. */
  readonly parts?: readonly Part[];
}

/** What one check measured of one service. */
export interface Sample extends Counts {
  /** Position on the deployment's tick grid. */
  readonly tick: number;
  /** Regular ticks count as checks; extra ones, taken while something is suspect, serve health and error share only. */
  readonly regular: boolean;
  /** When it was measured, milliseconds since the epoch. */
  readonly atMs: number;
  /** Real time since the measurement before it, milliseconds; rates divide by this. */
  readonly durationMs: number;
  readonly probes: readonly Probe[];
  /** Where a source only tells how many health checks of the interval failed. */
  readonly healthChecks?: { readonly failed: number; readonly all: number };
  /** Instances which did not answer although the others did. */
  readonly missing: readonly string[];
}

export const noCounts: Counts = {
  requests: 0,
  errors: 0,
  latency: null,
  dbConnectionErrors: null,
  memoryPercent: null,
  cpuPercent: null,
  affectedUsers: null,
};

/** Adds counts of two intervals; gauges are those of the newer one, affected users the larger (they may be the same people). */
export function addCounts(older: Counts, newer: Counts): Counts {
  return {
    requests: older.requests + newer.requests,
    errors: older.errors + newer.errors,
    latency: addHistograms(older.latency, newer.latency),
    ...newestQuantile(older, newer),
    dbConnectionErrors: addKnown(older.dbConnectionErrors, newer.dbConnectionErrors),
    memoryPercent: newer.memoryPercent ?? older.memoryPercent,
    cpuPercent: newer.cpuPercent ?? older.cpuPercent,
    affectedUsers: largestKnown(older.affectedUsers, newer.affectedUsers),
    ...addParts(older.parts, newer.parts),
  };
}

function addParts(older: Counts['parts'], newer: Counts['parts']): Pick<Counts, 'parts'> {
  if (older === undefined || newer === undefined) {
    const parts = newer ?? older;
    return parts === undefined ? {} : { parts };
  }
  const sums = new Map<string, Part>();
  for (const part of [...older, ...newer]) {
    const key = `${part.by} ${part.name}`;
    const sum = sums.get(key);
    sums.set(
      key,
      sum === undefined
        ? part
        : { ...part, requests: sum.requests + part.requests, errors: sum.errors + part.errors },
    );
  }
  return { parts: [...sums.values()] };
}

function newestQuantile(older: Counts, newer: Counts): Pick<Counts, 'latencyQuantileMs'> {
  const latencyQuantileMs = newer.latencyQuantileMs ?? older.latencyQuantileMs;
  return latencyQuantileMs == null ? {} : { latencyQuantileMs };
}

function addKnown(a: number | null, b: number | null): number | null {
  return a === null && b === null ? null : (a ?? 0) + (b ?? 0);
}

function largestKnown(a: number | null, b: number | null): number | null {
  return a === null && b === null ? null : Math.max(a ?? 0, b ?? 0);
}

/** A check fails when at least half of the instances fail their probe; no probes is no check. */
export function checkFailed(probes: readonly Probe[]): boolean {
  return probes.length > 0 && probes.filter((probe) => !probe.healthy).length * 2 >= probes.length;
}
