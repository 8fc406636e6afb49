import type { Trace } from '../../client/backtest/trace.ts';

export { minutesAfter, minutesBefore, type Trace } from '../../client/backtest/trace.ts';

/** A judge of deployments, whole traces at a time. What it says of minute `t` may rest on rows up to `t` only. */
export interface Detector {
  readonly name: string;
  /** The minute of the rollback (0..1439), or `null`. */
  decide(trace: Trace): number | null;
}
