import type { Part } from '../sample.ts';
import type { Case } from './judge.ts';
import { alarmingPart, type PartExcursion } from './part-signals.ts';
import { chanceSentence, durationSentence, neighboursSentence } from './sentences.ts';
import { errorUnitMs } from './units.ts';
import { shortNumber } from './verdict.ts';

export interface PartBreach {
  /** What the error rate's sentence goes on with. */
  readonly clause: string;
  readonly sinceMs: number;
  readonly chance: number;
}

/** One endpoint or one instance fails while the whole looks well; `null`: none does. */
export function partBreach({
  state: { signals, window },
  calibration,
  policy,
  nowMs,
  deployedAtMs,
}: Case): PartBreach | null {
  if (calibration === null) return null;
  const alarm = alarmingPart(signals.parts ?? [], calibration.partPaths ?? []);
  if (alarm === null) return null;
  const { part, path } = alarm;
  const { found, expected, requests, since } = part.excursion;
  const sinceMs = deployedAtMs + (since ?? 0) * errorUnitMs(policy);
  const counts = `${Math.round(found)} of ${requests} requests failed (${percent(found, requests)}, ${percent(expected, requests)} is usual)`;
  const rest = restOf(part, window.regular.at(-1)?.parts ?? []);
  const clause = `; ${nameOf(part)} alone: ${counts} in ${durationSentence(sinceMs, nowMs, false)}${rest}${neighboursSentence(signals.recent)}; ${chanceSentence(path, calibration.habits)}`;
  return { clause, sinceMs, chance: path.chance };
}

/** Of the errors too many. */
const most = 0.6;

/** Where most of a service's errors too many are, if they are in one place. */
export function mostlyIn(parts: readonly PartExcursion[], excess: number): string {
  const excessOf = ({ excursion }: PartExcursion) => excursion.found - excursion.expected;
  const worst = parts.toSorted((a, b) => excessOf(b) - excessOf(a))[0];
  if (worst === undefined || excessOf(worst) < most * excess) return '';
  const { found, requests } = worst.excursion;
  return `; mostly in ${nameOf(worst)}: ${Math.round(found)} of ${requests} requests (${percent(found, requests)})`;
}

function nameOf({ by, name }: Pick<Part, 'by' | 'name'>): string {
  return by === 'instance' ? `instance ${name}` : name;
}

function percent(count: number, requests: number): string {
  return `${shortNumber((100 * count) / Math.max(1, requests))} %`;
}

/** How its siblings fare in the newest check: that they do well is what makes it one instance's trouble. */
function restOf({ by, name }: Pick<Part, 'by' | 'name'>, parts: readonly Part[]): string {
  const others = parts.filter((part) => part.by === by && part.name !== name);
  const requests = others.reduce((sum, part) => sum + part.requests, 0);
  const errors = others.reduce((sum, part) => sum + part.errors, 0);
  if (requests === 0) return '';
  const kind = by === 'instance' ? 'instances' : 'endpoints';
  return `; the other ${others.length} ${kind} ${percent(errors, requests)}`;
}
