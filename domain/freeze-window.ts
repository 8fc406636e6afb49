/** When nothing shall be deployed. Rollbacks are never frozen. */
export type FreezeWindow = {
  /** Said to whoever is refused. */
  readonly reason: string;
} & (
  | { readonly kind: 'once'; readonly fromMs: number; readonly untilMs: number }
  | {
      readonly kind: 'weekly';
      /** Minutes since Monday 00:00 in the time zone. A window that ends before it begins goes over the end of the week. */
      readonly fromMinute: number;
      readonly untilMinute: number;
      /** IANA name: `Europe/Berlin`. */
      readonly timeZone: string;
    }
);

const days = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
const minutesPerDay = 24 * 60;

/** The first window that is on, or `null`. */
export function activeFreeze(windows: readonly FreezeWindow[], atMs: number): FreezeWindow | null {
  return windows.find((window) => isOn(window, atMs)) ?? null;
}

function isOn(window: FreezeWindow, atMs: number): boolean {
  if (window.kind === 'once') return atMs >= window.fromMs && atMs < window.untilMs;
  const minute = minuteOfWeek(atMs, window.timeZone);
  const { fromMinute, untilMinute } = window;
  return fromMinute <= untilMinute
    ? minute >= fromMinute && minute < untilMinute
    : minute >= fromMinute || minute < untilMinute;
}

/** Local time decides: a freeze from 16:00 begins at 16:00 in summer and in winter. */
function minuteOfWeek(atMs: number, timeZone: string): number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  const parts = Object.fromEntries(format.formatToParts(atMs).map(({ type, value }) => [type, value]));
  return days.indexOf(parts.weekday ?? '') * minutesPerDay + Number(parts.hour) * 60 + Number(parts.minute);
}

/** `Fri 16:00` in minutes since Monday 00:00; `null` where it is not written so. */
export function parseMinuteOfWeek(text: string): number | null {
  const match = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun) ([01]\d|2[0-3]):([0-5]\d)$/.exec(text);
  if (match === null) return null;
  const [, day = '', hour, minute] = match;
  return days.indexOf(day) * minutesPerDay + Number(hour) * 60 + Number(minute);
}

/** `until Mon 08:00 (Europe/Berlin)`, `until 2026-11-30T08:00:00.000Z`. */
export function freezeEnd(window: FreezeWindow, isoTime: (ms: number) => string): string {
  if (window.kind === 'once') return `until ${isoTime(window.untilMs)}`;
  const { untilMinute, timeZone } = window;
  const two = (value: number) => String(value).padStart(2, '0');
  const minute = untilMinute % minutesPerDay;
  return `until ${days[Math.floor(untilMinute / minutesPerDay)]} ${two(Math.floor(minute / 60))}:${two(minute % 60)} (${timeZone})`;
}
