/** Minutes of a trace before and after the deployment. */
export const minutesBefore = 1440;
export const minutesAfter = 1440;

/** One deployment's measurements, a row a minute: row `i` is minute `i - minutesBefore` since the deployment. `NaN`: no data. */
export interface Trace {
  readonly requests: Float64Array;
  readonly errors: Float64Array;
  /** 95th percentile of that minute's requests, milliseconds; `NaN` also where there was no request. */
  readonly p95Ms: Float64Array;
  /** Percent of the configured limit, 0..100. */
  readonly memoryPercent: Float64Array;
  readonly dbErrors: Float64Array;
  /** Failed of six health checks, one per ten seconds. */
  readonly healthFailed: Float64Array;
  /** An untouched service on the same infrastructure. */
  readonly peerRequests: Float64Array;
  readonly peerErrors: Float64Array;
  readonly peerP95Ms: Float64Array;
}
