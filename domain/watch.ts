import { type FiringAlert, judgeAlerts } from './alerts.ts';
import { addToTotals, asReference, noTotals, type Totals } from './baseline.ts';
import {
  adoptOwnConditions,
  advanceConditions,
  type Condition,
  type ConditionState,
  type Edge,
  noConditions,
  type Reported,
  takeEdges,
} from './conditions.ts';
import type { ServiceRelease } from './deployment.ts';
import type { Calibration } from './detection/calibration.ts';
import type { PeerMinute } from './detection/habits/habits.ts';
import { forgetGap, type JudgeState, judge, newJudgeState } from './detection/judge.ts';
import type { Reference } from './detection/reference.ts';
import { breachTrigger, shortDuration, type Trigger, type Verdict } from './detection/verdict.ts';
import { judgeWindow } from './detection/window/judge-window.ts';
import type { Policy } from './policy.ts';
import { type Counts, noCounts, type Probe, type Sample } from './sample.ts';

/** What the watch remembers of one service between two checks. */
export interface ServiceWatch extends ServiceRelease {
  readonly judge: JudgeState;
  /** The metrics adapter's own memory. */
  readonly cursor: unknown;
  /** When it was last measured, milliseconds since the epoch; `null` before the first time and after a gap. */
  readonly measuredAtMs: number | null;
  /** The specification's baseline: the release's own first minutes. */
  readonly baseline: Totals;
  /** Everything observed without a breach: the reference for later releases. */
  readonly good: Totals;
  readonly references: readonly Reference[];
  /** The service's own normal life, learned when the deployment was reported; `null`: nothing was known of it. */
  readonly calibration: Calibration | null;
  /** When it last learned from its own watch, milliseconds since the epoch. */
  readonly learnedAtMs?: number | null;
  readonly verdicts: readonly Verdict[];
}

/** The state of one deployment's watch: goes to the store with every tick, so that any worker goes on from there. */
export interface WatchState {
  readonly services: readonly ServiceWatch[];
  readonly lastTickMs: number | null;
  readonly lastAtMs: number | null;
  readonly suspect: boolean;
  readonly conditions: ConditionState;
  /** Regular ticks that were taken and, of those, the ones with evidence. */
  readonly regularTicks: number;
  readonly observedTicks: number;
  /** The newest regular ticks with evidence, by time; those of the last hour. */
  readonly observedLately: readonly number[];
  /** Observed, breach-free traffic, milliseconds; back to zero at a breach. */
  readonly goodMs: number;
  /** Regular ticks in a row at which somebody else's release was live. */
  readonly outsideTicks: number;
  readonly baselineDone: boolean;
  /** When it was last looked whether a rollback would work, and what is missing; absent: not yet. */
  readonly readiness?: ReadinessSeen;
}

export interface ReadinessSeen {
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  /** The sentence that says what is missing, or `null` when a rollback would work. */
  readonly missing: string | null;
}

const hourMs = 3_600_000;
/** What is missing may be mended any minute, and the owner waits for the word. */
const whileMissingMs = 5 * 60_000;

/** Whether a regular check should look at the way back, too: at the first, then hourly; a sick release has other worries. */
export function isReadinessDue(
  { readiness, suspect }: WatchState,
  atMs: number,
  intervalMs: number,
): boolean {
  if (readiness === undefined) return true;
  const everyMs = readiness.missing === null ? hourMs : whileMissingMs;
  return !suspect && atMs - readiness.atMs > everyMs - intervalMs / 2;
}

export function newWatch(
  services: readonly (ServiceRelease & {
    references: readonly Reference[];
    calibration?: Calibration | null;
  })[],
): WatchState {
  return {
    services: services.map(({ service, release, references, calibration = null }) => ({
      service,
      release,
      judge: newJudgeState,
      cursor: null,
      measuredAtMs: null,
      baseline: noTotals,
      good: noTotals,
      references,
      calibration,
      verdicts: [],
    })),
    lastTickMs: null,
    lastAtMs: null,
    suspect: false,
    conditions: noConditions,
    regularTicks: 0,
    observedTicks: 0,
    observedLately: [],
    goodMs: 0,
    outsideTicks: 0,
    baselineDone: false,
  };
}

/** What one check saw of one service. */
export interface ServiceObservation {
  readonly service: string;
  readonly probes: readonly Probe[];
  /** What untouched neighbours measured in their newest check; absent: there are none. */
  readonly peers?: PeerMinute | null;
  /** Alerts that fire for it. */
  readonly alerts?: readonly FiringAlert[];
  /** The counts, or why there are none. */
  readonly measured:
    | {
        readonly kind: 'counts';
        readonly counts: Counts;
        readonly cursor: unknown;
        readonly missing: readonly string[];
      }
    | { readonly kind: 'blind'; readonly reason: string };
}

export interface Observation {
  readonly tickMs: number;
  readonly regular: boolean;
  /** This attempt started more than an interval late: the counters are re-based, nothing is evidence. */
  readonly gap: boolean;
  /** When it was measured, milliseconds since the epoch. */
  readonly atMs: number;
  readonly services: readonly ServiceObservation[];
  /** The sentence that says who else changed the service, or `null`. */
  readonly unexpected: string | null;
  /** Where this check looked at the way back, too. */
  readonly readiness?: ReadinessSeen;
}

export interface WatchContext {
  readonly policy: Policy;
  readonly deployedAtMs: number;
  readonly mayAct: boolean;
  readonly reported: Reported;
  /** `verification` asks whether what was seen a minute ago still stands: windows alone tell that, no habits are needed. */
  readonly question?: 'deployment' | 'verification';
}

export interface WatchStep {
  readonly state: WatchState;
  readonly edges: readonly Edge[];
  readonly triggers: readonly Trigger[];
  readonly samples: readonly (Sample & { readonly service: string })[];
  /** One sentence: the live view in the Temporal UI. */
  readonly sentence: string;
}

/** Regular ticks for which a stranger's release must be live before it is believed: a pipeline reports after it has deployed. */
const outsideGraceTicks = 2;

/** Takes one check in: judges it, moves conditions on, and says which of them the workflow must know. */
export function advanceWatch(state: WatchState, seen: Observation, context: WatchContext): WatchStep {
  const steps = state.services.map((service) => advanceService(service, seen, context));
  const outsideTicks = seen.unexpected === null ? 0 : state.outsideTicks + (seen.regular ? 1 : 0);
  const readiness = seen.readiness ?? state.readiness;
  const found = [
    ...steps.flatMap((step) => step.found),
    ...gapCondition(state, seen, context.policy),
    ...outsideCondition(seen, outsideTicks),
    ...readinessCondition(readiness),
  ];
  const breached = found.some((condition) => condition.kind === 'breach');
  const observed = seen.regular && !seen.gap && steps.every((step) => step.evidence);
  const busyMs =
    observed && steps.some((step) => step.sample.requests > 0) ? (steps[0]?.sample.durationMs ?? 0) : 0;
  const known = adoptOwnConditions(state.conditions, context.reported, {
    atMs: seen.atMs,
    missed:
      state.lastAtMs !== null && seen.atMs - state.lastAtMs > 1.5 * context.policy.monitoring.checkIntervalMs,
  });
  const advanced: WatchState = {
    services: steps.map((step) => (breached ? { ...step.service, good: noTotals } : step.service)),
    lastTickMs: seen.tickMs,
    lastAtMs: seen.atMs,
    suspect: steps.some((step) => step.suspect),
    conditions: advanceConditions(known, found, { atMs: seen.atMs, regular: seen.regular }),
    regularTicks: state.regularTicks + (seen.regular ? 1 : 0),
    observedTicks: state.observedTicks + (observed ? 1 : 0),
    observedLately: [...state.observedLately, ...(observed ? [seen.tickMs] : [])].filter(
      (tickMs) => tickMs > seen.tickMs - context.policy.monitoring.segmentMs,
    ),
    goodMs: breached ? 0 : state.goodMs + busyMs,
    outsideTicks,
    ...(readiness === undefined ? {} : { readiness }),
    baselineDone:
      state.baselineDone || seen.atMs >= context.deployedAtMs + context.policy.monitoring.baselineWindowMs,
  };
  const { edges, state: conditions } = takeEdges(advanced.conditions, context.reported, {
    atMs: seen.atMs,
    mayAct: context.mayAct,
    found,
  });
  return {
    state: { ...advanced, conditions },
    edges,
    triggers: steps.flatMap((step) => step.triggers),
    samples: steps.map((step) => ({ ...step.sample, service: step.service.service })),
    sentence: sentence(advanced, found),
  };
}

interface ServiceStep {
  readonly service: ServiceWatch;
  readonly sample: Sample;
  readonly found: readonly Condition[];
  readonly triggers: readonly Trigger[];
  readonly suspect: boolean;
  readonly evidence: boolean;
}

function advanceService(service: ServiceWatch, seen: Observation, context: WatchContext): ServiceStep {
  const observation = seen.services.find((entry) => entry.service === service.service);
  const measured = observation?.measured ?? { kind: 'blind' as const, reason: 'was not measured' };
  const counted = measured.kind === 'counts' && service.measuredAtMs !== null && !seen.gap;
  const sample: Sample = {
    ...(measured.kind === 'counts' ? measured.counts : noCounts),
    ...(counted ? {} : { requests: 0, errors: 0, latency: null, dbConnectionErrors: null }),
    tick: seen.tickMs,
    regular: seen.regular,
    atMs: seen.atMs,
    durationMs: counted ? seen.atMs - (service.measuredAtMs ?? seen.atMs) : 0,
    probes: observation?.probes ?? [],
    missing: measured.kind === 'counts' ? measured.missing : [],
  };
  const inBaseline = seen.atMs < context.deployedAtMs + context.policy.monitoring.baselineWindowMs;
  const references = [...service.references, ...ownReference(service, inBaseline)];
  const judged = seen.gap
    ? { state: forgetGap(service.judge), verdicts: [] }
    : judgeService(service, counted ? sample : { ...sample, regular: false }, {
        ...context,
        references,
        peers: observation?.peers ?? null,
      });
  // Without new counts the old ones only slide out of their window: that is no evidence of anything.
  const measuredVerdicts = counted
    ? judged.verdicts
    : judged.verdicts.map((verdict) =>
        verdict.trigger === 'health_check' ? verdict : unseen(verdict, measured),
      );
  const alerts = judgeAlerts(observation?.alerts ?? [], { ...context, atMs: seen.atMs });
  const verdicts = [...measuredVerdicts, ...alerts];
  const triggers = verdicts
    .filter(({ trigger }) => !isDryRun(trigger, context.policy))
    .flatMap((verdict) => breachTrigger(verdict, service.service, sample.atMs));
  return {
    service: {
      ...service,
      judge: judged.state,
      cursor: measured.kind === 'counts' ? measured.cursor : service.cursor,
      measuredAtMs: measured.kind === 'counts' ? seen.atMs : seen.gap ? null : service.measuredAtMs,
      baseline:
        counted && inBaseline && seen.regular ? addToTotals(service.baseline, sample) : service.baseline,
      good: counted && seen.regular && isGood(verdicts) ? addToTotals(service.good, sample) : service.good,
      verdicts,
    },
    sample,
    found: conditionsOf(service.service, verdicts, measured, context.policy),
    triggers,
    suspect:
      verdicts.some((verdict) => verdict.state === 'suspect' || verdict.state === 'breach') ||
      sample.probes.some((probe) => !probe.healthy),
    evidence: counted,
  };
}

function judgeService(
  service: ServiceWatch,
  sample: Sample,
  context: WatchContext & { readonly references: readonly Reference[]; readonly peers: PeerMinute | null },
): { state: JudgeState; verdicts: Verdict[] } {
  if (context.question !== 'verification')
    return judge(service.judge, sample, context.peers, { ...context, calibration: service.calibration });
  const { state, verdicts } = judgeWindow(service.judge.window, sample, context);
  return { state: { ...service.judge, window: state }, verdicts };
}

function unseen(verdict: Verdict, measured: ServiceObservation['measured']): Verdict {
  const reason = measured.kind === 'blind' ? measured.reason : 'no regular sample yet';
  return { ...verdict, state: measured.kind === 'blind' ? 'blind' : 'inconclusive', current: null, reason };
}

/** What comes from outside, or only a trigger on dry_run minds, is no reference for later releases. */
function isGood(verdicts: readonly Verdict[]): boolean {
  return verdicts.every(({ state }) => state !== 'external' && state !== 'breach');
}

const settingsOf = {
  error_rate: 'errorRate',
  performance: 'latency',
  memory: 'memory',
  database: 'database',
  health_check: 'healthCheck',
  alert: 'alert',
} as const;

/** Judged and told, never acted on. */
export function isDryRun(trigger: Verdict['trigger'], { triggers }: Policy): boolean {
  return trigger !== 'manual' && triggers[settingsOf[trigger]].dryRun;
}

/** The release's own first minutes are a reference once they are complete. */
function ownReference(service: ServiceWatch, inBaseline: boolean): Reference[] {
  if (inBaseline || service.baseline.samples === 0) return [];
  const label = `its own first ${shortDuration(service.baseline.durationMs)}`;
  return [asReference(service.baseline, 'own_baseline', label)];
}

function conditionsOf(
  service: string,
  verdicts: readonly Verdict[],
  measured: ServiceObservation['measured'],
  policy: Policy,
): Condition[] {
  const breaches = verdicts
    .filter(({ state }) => state === 'breach' || state === 'external')
    .map(({ state, trigger, reason }): Condition => {
      const kind = state === 'external' ? 'external' : isDryRun(trigger, policy) ? 'dry_run' : 'breach';
      return { key: `${kind}:${service}:${trigger}`, kind, service, reason, severity: 'critical' };
    });
  const sick = verdicts.find((verdict) => verdict.trigger === 'health_check' && verdict.state === 'suspect');
  const suspect: Condition[] = sick
    ? [{ key: `suspect:${service}`, kind: 'suspect', service, reason: sick.reason, severity: 'warning' }]
    : [];
  const blind: Condition[] =
    measured.kind === 'blind'
      ? [{ key: `blind:${service}`, kind: 'blind', service, reason: measured.reason, severity: 'warning' }]
      : [];
  return [...breaches, ...suspect, ...blind];
}

function gapCondition(state: WatchState, seen: Observation, policy: Policy): Condition[] {
  const silentMs = state.lastAtMs === null ? 0 : seen.atMs - state.lastAtMs;
  if (silentMs <= 3 * policy.monitoring.checkIntervalMs) return [];
  const reason = `nothing was measured for ${shortDuration(silentMs)}`;
  return [{ key: 'gap', kind: 'gap', service: null, reason, severity: 'warning' }];
}

/** Stands until the next look finds nothing missing. */
function readinessCondition(readiness: ReadinessSeen | undefined): Condition[] {
  if (readiness === undefined || readiness.missing === null) return [];
  const { missing: reason } = readiness;
  return [{ key: 'not_ready', kind: 'not_ready', service: null, reason, severity: 'warning' }];
}

function outsideCondition(seen: Observation, outsideTicks: number): Condition[] {
  if (seen.unexpected === null || outsideTicks < outsideGraceTicks) return [];
  return [
    {
      key: 'changed_outside',
      kind: 'changed_outside',
      service: null,
      reason: `somebody changed what is live: ${seen.unexpected}`,
      severity: 'warning',
    },
  ];
}

function sentence(state: WatchState, found: readonly Condition[]): string {
  if (found.length > 0) return found.map((condition) => `${condition.kind}: ${condition.reason}`).join('; ');
  const names = state.services.length > 1;
  return state.services
    .map((service) => {
      const verdict =
        service.verdicts.find((entry) => entry.state === 'suspect') ??
        service.verdicts.find((entry) => entry.trigger === 'error_rate');
      const state = verdict?.state === 'suspect' ? 'suspect' : 'healthy';
      return `${names ? `${service.service} ` : ''}${state}: ${verdict?.reason ?? 'no regular sample yet'}`;
    })
    .join('; ');
}

/**
 * `healthy` needs 80 % of the regular ticks observed, the last hour included; else nobody may call the release good.
 * @param endMs when the hour ends; without it the last tick, which says nothing about an hour without any
 */
export function watchedEnough(
  state: WatchState,
  expectedTicks: number,
  policy: Policy,
  endMs = state.lastTickMs ?? 0,
): { enough: boolean; reason: string } {
  const lastHourTicks = Math.floor(policy.monitoring.segmentMs / policy.monitoring.checkIntervalMs);
  const share = expectedTicks === 0 ? 0 : state.observedTicks / expectedTicks;
  const observed = state.observedLately.filter(
    (tickMs) => tickMs > endMs - policy.monitoring.segmentMs,
  ).length;
  const lately = lastHourTicks === 0 ? 1 : observed / lastHourTicks;
  const reason = `${state.observedTicks} of ${expectedTicks} checks observed, ${observed} of ${lastHourTicks} in the last ${shortDuration(policy.monitoring.segmentMs)}`;
  return { enough: share >= 0.8 && lately >= 0.8, reason };
}
