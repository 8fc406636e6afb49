import { type FreezeWindow, parseMinuteOfWeek } from '../domain/freeze-window.ts';

/** A freeze window as the file has it. */
export interface WrittenWindow {
  readonly reason: string;
  readonly from: string;
  readonly until: string;
  readonly time_zone?: string | undefined;
}

export type FreezeTime =
  | { readonly kind: 'once'; readonly atMs: number }
  | { readonly kind: 'weekly'; readonly minute: number };

const dateAndTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;

/** `null` where it is neither a date with time and zone nor a weekly time. */
export function parseFreezeTime(written: string): FreezeTime | null {
  const minute = parseMinuteOfWeek(written);
  if (minute !== null) return { kind: 'weekly', minute };
  const atMs = dateAndTime.test(written) ? Date.parse(written) : Number.NaN;
  return Number.isNaN(atMs) ? null : { kind: 'once', atMs };
}

/** The window, or the sentence that says why `from` and `until` are none. */
export function readFreezeWindow({ reason, from, until, time_zone }: WrittenWindow): FreezeWindow | string {
  const [begin, end] = [parseFreezeTime(from), parseFreezeTime(until)];
  if (begin?.kind === 'once' && end?.kind === 'once')
    return end.atMs > begin.atMs
      ? { kind: 'once', reason, fromMs: begin.atMs, untilMs: end.atMs }
      : `${JSON.stringify(until)}, which is not after from; allowed: a later time`;
  if (begin?.kind === 'weekly' && end?.kind === 'weekly')
    return begin.minute === end.minute
      ? `${JSON.stringify(until)}, which is from, too; allowed: another time`
      : {
          kind: 'weekly',
          reason,
          fromMinute: begin.minute,
          untilMinute: end.minute,
          timeZone: time_zone ?? 'UTC',
        };
  return `${JSON.stringify(until)}; allowed: a time written like from, ${JSON.stringify(from)}`;
}

export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
