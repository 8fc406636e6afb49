/**
 * When a log line was written, milliseconds since the epoch, and what follows its timestamp; `null` for a line
 * without one. Understands ISO 8601 at the start and JSON with `time`, `timestamp`, `@timestamp` or `ts`
 * (ISO, milliseconds or seconds). A time without zone is this host's, as the service that wrote it runs here.
 */
export function lineTime(line: string): { readonly atMs: number; readonly text: string } | null {
  return line.startsWith('{') ? jsonTime(line) : isoTime(line);
}

const iso = /^[[(]?(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?\s?(Z|[+-]\d\d:?\d\d)?(?!\d)/;

function isoTime(line: string): { atMs: number; text: string } | null {
  const [whole = '', day, time, fraction = '', zone = ''] = iso.exec(line) ?? [];
  if (day === undefined) return null;
  const atMs = Date.parse(
    `${day}T${time}.${fraction.slice(0, 3).padEnd(3, '0')}${zone.replace(/(\d\d)(\d\d)$/, '$1:$2')}`,
  );
  return Number.isNaN(atMs) ? null : { atMs, text: line.slice(whole.length) };
}

const jsonField = /"(?:@?timestamp|time|ts)"\s*:\s*(?:"([^"]{10,40})"|(\d{9,16}(?:\.\d+)?))/;

function jsonTime(line: string): { atMs: number; text: string } | null {
  const match = jsonField.exec(line.slice(0, 4_096));
  if (match === null) return null;
  const [whole, text, number] = match;
  const atMs = text === undefined ? epochMs(Number(number)) : (isoTime(text)?.atMs ?? Number.NaN);
  return Number.isNaN(atMs) ? null : { atMs, text: line.replace(whole, '') };
}

/** Seconds until the year 5138, milliseconds from 1973 on. */
function epochMs(value: number): number {
  return value < 1e11 ? value * 1_000 : value;
}
