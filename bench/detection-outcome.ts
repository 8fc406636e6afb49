import { type Spread, spreadOf } from './result.ts';
import type { Answer } from './twin-load.ts';

/** What users saw of one rollback. */
export interface Outcome {
  readonly failure: string;
  readonly system: string;
  /** Check intervals from the first bad answer to the first of the maintenance page; `null` without a right rollback. */
  readonly started: number | null;
  /** The same to the first answer of the restored release. */
  readonly resumed: number | null;
  readonly maintenanceSeconds: number | null;
  /** A rollback of a release that was not bad, not yet bad, or bad for a moment. */
  readonly falseRollback: boolean;
}

export interface Badness {
  readonly fromMs: number;
  /** `false`: it is over soon, by itself, and nobody should roll back. */
  readonly lasting: boolean;
  readonly lastKnownGood: string;
  readonly checkIntervalMs: number;
}

export function outcomeOf(
  which: Pick<Outcome, 'failure' | 'system'>,
  answers: readonly Answer[],
  bad: Badness,
): Outcome {
  const firstBad = answers.find(({ said, atMs }) => said === 'error' && atMs >= bad.fromMs);
  const started = answers.find(({ said }) => said === 'maintenance');
  const resumed =
    started && answers.find(({ said, atMs }) => said === bad.lastKnownGood && atMs > started.atMs);
  const falseRollback = started !== undefined && (!bad.lasting || started.atMs < bad.fromMs);
  const since = (answer: Answer | undefined) =>
    answer && firstBad && !falseRollback ? (answer.atMs - firstBad.atMs) / bad.checkIntervalMs : null;
  return {
    ...which,
    started: since(started),
    resumed: since(resumed),
    maintenanceSeconds: started && resumed ? (resumed.atMs - started.atMs) / 1_000 : null,
    falseRollback,
  };
}

export function outcomeLine({ failure, system, started, resumed, falseRollback }: Outcome): string {
  const who = `${failure}, ${system}`;
  if (falseRollback) return `${who}: false rollback`;
  if (started === null) return `${who}: no rollback`;
  return `${who}: rollback after ${started.toFixed(2)} intervals, traffic after ${resumed?.toFixed(2)}`;
}

/** The rounds of one system with one failure. */
export interface Row {
  readonly failure: string;
  readonly system: string;
  readonly rollbacks: number;
  readonly falseRollbacks: number;
  /** Check intervals since the first bad answer. */
  readonly rollbackStarted: Spread | null;
  readonly trafficResumed: Spread | null;
  readonly maintenanceSeconds: Spread | null;
}

export function rowOf(failure: string, system: string, all: readonly Outcome[]): Row {
  const outcomes = all.filter((outcome) => outcome.failure === failure && outcome.system === system);
  const spread = (value: (outcome: Outcome) => number | null) =>
    spreadOf(outcomes.map(value).filter((known) => known !== null));
  return {
    failure,
    system,
    rollbacks: outcomes.filter((outcome) => outcome.started !== null).length,
    falseRollbacks: outcomes.filter((outcome) => outcome.falseRollback).length,
    rollbackStarted: spread((outcome) => outcome.started),
    trafficResumed: spread((outcome) => outcome.resumed),
    maintenanceSeconds: spread((outcome) => outcome.maintenanceSeconds),
  };
}

export function printRows(rows: readonly Row[]): void {
  const text = (spread: Spread | null) => spread && `${spread.median} (${spread.min} to ${spread.max})`;
  console.table(
    rows.map(({ rollbackStarted, trafficResumed, maintenanceSeconds, ...row }) => ({
      ...row,
      rollbackStarted: text(rollbackStarted),
      trafficResumed: text(trafficResumed),
      maintenanceSeconds: text(maintenanceSeconds),
    })),
  );
}
