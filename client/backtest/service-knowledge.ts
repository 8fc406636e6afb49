import { type Calibration, calibrate, effectSizes } from '../../domain/detection/calibration.ts';
import { seasonAt } from '../../domain/detection/season.ts';
import { shortDuration, shortNumber } from '../../domain/detection/verdict.ts';
import type { Policy } from '../../domain/policy.ts';
import {
  type Effect,
  type ExpectedDelay,
  expectedDelay,
  expectedDelays,
  type Onset,
  onsets,
} from './expected-delay.ts';

/** What the judge knows of one service, in figures. */
export interface ServiceKnowledge {
  readonly service: string;
  readonly historyDays: number;
  /** Measured, of those that are needed before anything is learned. */
  readonly checks: { readonly found: number; readonly needed: number };
  /** `null`: nothing was ever measured. */
  readonly usual: UsualLife | null;
  readonly delays: readonly ExpectedDelay[];
  readonly advice: readonly string[];
}

export interface UsualLife {
  readonly requestsPerMinute: number;
  readonly errorsPerMinute: number;
  /** 0..1 */
  readonly errorShare: number;
  /** Variance of the error counts beside pure chance, at least 1. */
  readonly dispersion: number;
  /** Excursions of the errors in the history, in bad minutes, the longest first. */
  readonly transients: readonly number[];
  /** Times the usual errors that such an excursion had at least. */
  readonly transientTimes: number;
  readonly latencyMs: number | null;
  /** Between two checks, 0..1. */
  readonly latencySpread: number | null;
  readonly memoryFloorPercent: number | null;
  readonly memoryHighestPercent: number | null;
}

export interface KnowledgeQuestion {
  readonly service: string;
  readonly checks: ServiceKnowledge['checks'];
  /** Of its history, or of what little there is; `null`: nothing was measured. */
  readonly calibration: Calibration | null;
  readonly policy: Policy;
  readonly nowMs: number;
}

export function knowledgeOf({
  service,
  checks,
  calibration,
  policy,
  nowMs,
}: KnowledgeQuestion): ServiceKnowledge {
  return {
    service,
    historyDays: calibration?.habits.days ?? 0,
    checks,
    usual: calibration === null ? null : usualLife(calibration, policy, nowMs),
    delays: calibration === null ? [] : expectedDelays(calibration, policy, nowMs),
    advice: advise({ checks, calibration, policy, nowMs }),
  };
}

function usualLife({ habits }: Calibration, policy: Policy, nowMs: number): UsualLife {
  const { errors, latency, memory } = habits;
  const requestsPerMinute = seasonAt(habits.traffic, nowMs) * habits.trafficLevel;
  const errorShare = seasonAt(errors.share, nowMs) * errors.level;
  return {
    requestsPerMinute,
    errorsPerMinute: requestsPerMinute * errorShare,
    errorShare,
    dispersion: errors.dispersion,
    transients: errors.peaks[1] ?? [],
    transientTimes: effectSizes(policy).errors[1]?.leastRatio ?? policy.triggers.errorRate.multiplier,
    latencyMs: latency === null ? null : Math.exp(seasonAt(latency.level, nowMs) + latency.shift),
    latencySpread:
      latency === null
        ? null
        : Math.expm1(Math.sqrt(latency.sampling / Math.max(1, requestsPerMinute) + latency.drift)),
    memoryFloorPercent: memory?.highestFloor ?? null,
    memoryHighestPercent: memory?.highest ?? null,
  };
}

/** Days that a history may have: older ones are not looked at. */
const moreDays = [1, 3];
const tripling: Effect = { what: 'errors', times: 3 };

function advise({
  checks,
  calibration,
  policy,
  nowMs,
}: Pick<KnowledgeQuestion, 'checks' | 'calibration' | 'policy' | 'nowMs'>): string[] {
  const advice =
    checks.found < checks.needed
      ? [
          `nothing was learned yet: ${checks.found} of ${checks.needed} checks; until then a reference stands for its habits`,
        ]
      : [];
  if (calibration === null) return advice;
  const ask = (candidate: Calibration, onset: Onset) =>
    expectedDelay(candidate, policy, { effect: tripling, onset, nowMs });
  if (ask(calibration, 'later') === null)
    return [
      ...advice,
      'at this traffic a tripling of errors hours after the deployment is not told from chance within 4 h',
    ];
  for (const days of moreDays.filter((more) => more >= calibration.habits.days + 0.5)) {
    const richer = calibrate({ ...calibration.habits, days }, policy);
    for (const onset of onsets) {
      const sentence = gainSentence(days, onset, ask(calibration, onset), ask(richer, onset));
      if (sentence !== null) return [...advice, sentence];
    }
  }
  return advice;
}

/** What more history like this would change; `null`: not worth a word. */
export function gainSentence(
  days: number,
  onset: Onset,
  minutes: number | null,
  withMore: number | null,
): string | null {
  if (minutes === null || withMore === null || withMore > 0.85 * minutes) return null;
  const gain =
    withMore <= 0.55 * minutes
      ? 'would halve the delay'
      : `would shorten the delay by ${Math.round(100 * (1 - withMore / minutes))} %`;
  const when = onset === 'later' ? 'hours after' : 'with';
  return `${days === 1 ? 'a day' : `${days} days`} of history like this ${gain}: a tripling of errors ${when} the deployment would be seen after ${shortNumber(withMore)} min instead of ${shortNumber(minutes)}`;
}

/** As people read it. */
export function knowledgeText({ service, historyDays, usual, delays, advice }: ServiceKnowledge): string {
  const lines = [
    `${service}: ${historyDays > 0 ? `${shortNumber(historyDays)} days` : 'no days'} of history`,
  ];
  if (usual !== null) lines.push(...usualLines(usual));
  const pairs = delays.filter(({ onset }) => onset === 'at_deployment');
  for (const delay of pairs) {
    const later = delays.find(
      ({ what, times, onset }) => onset === 'later' && what === delay.what && times === delay.times,
    );
    lines.push(`  ${delaySentence(delay, later?.minutes ?? null)}`);
  }
  return [...lines, ...advice.map((line) => `  ${line}`)].join('\n');
}

function usualLines(usual: UsualLife): string[] {
  const { transients, latencyMs, latencySpread, memoryFloorPercent, memoryHighestPercent } = usual;
  const longest =
    transients[0] === undefined ? '' : `, the longest ${shortNumber(transients[0])} bad minutes`;
  const lines = [
    `  usual at this hour: ${shortNumber(usual.errorsPerMinute)} errors/min, ${shortNumber(100 * usual.errorShare)} % of ${shortNumber(usual.requestsPerMinute)} requests/min; counts vary ${shortNumber(usual.dispersion)} × as much as by chance`,
    `  transients of ${shortNumber(usual.transientTimes)} × the usual errors in its history: ${transients.length}${longest}`,
  ];
  if (latencyMs !== null && latencySpread !== null)
    lines.push(
      `  latency ${shortNumber(latencyMs)} ms, ± ${shortNumber(100 * latencySpread)} % from check to check`,
    );
  if (memoryFloorPercent !== null && memoryHighestPercent !== null)
    lines.push(
      `  memory falls back to at most ${shortNumber(memoryFloorPercent)} %, reaches ${shortNumber(memoryHighestPercent)} %`,
    );
  return lines;
}

const namesOf: Readonly<Record<number, string>> = { 2: 'a doubling', 3: 'a tripling' };

/** `a tripling of errors is seen after 14 min when it begins with the deployment, after 33 min when it begins hours later`. */
export function delaySentence(atDeployment: ExpectedDelay, laterMinutes: number | null): string {
  const { what, times, minutes } = atDeployment;
  const name = namesOf[times] ?? `a rise to ${shortNumber(times)} ×`;
  const seen = (found: number | null) =>
    found === null ? 'not within 4 h' : `after ${shortDuration(found * 60_000)}`;
  return `with this service's habits ${name} of ${what} is seen ${seen(minutes)} when it begins with the deployment, ${seen(laterMinutes)} when it begins hours later`;
}
