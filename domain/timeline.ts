import type { DeploymentKey } from './identity.ts';

/** One line of a deployment's story. */
export interface TimelineEntry extends DeploymentKey {
  /** The same event has the same key, however often it is written. */
  readonly key: string;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  readonly kind: TimelineKind;
  readonly text: string;
  readonly incident: string | null;
}

export const timelineKinds = [
  'deployed',
  'baseline',
  'detected',
  'alert',
  'blind',
  'decision',
  'step',
  'traffic',
  'verified',
  'failed',
  'escalation',
  'person',
  'post_mortem',
  'outcome',
  'policy',
] as const;

export type TimelineKind = (typeof timelineKinds)[number];

/** `10:12:30` in UTC, of milliseconds since the epoch. */
export function clockTime(atMs: number): string {
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
  const seconds = (((atMs / 1000) % 86_400) + 86_400) % 86_400;
  return `${two(seconds / 3600)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}`;
}

/** `10:12:30 - Monitoring detects spike`, further lines indented: the specification's form. */
export function timelineLine(entry: Pick<TimelineEntry, 'atMs' | 'text'>): string {
  const [first, ...rest] = entry.text.split('\n');
  return [`${clockTime(entry.atMs)} - ${first}`, ...rest.map((line) => `      ${line}`)].join('\n');
}
