import { createHash } from 'node:crypto';

/**
 * Says of what a cursor's readings are, like `scrape/1/0a1b…`. Readings of something else are no base: compared with them, a
 * counter's whole history would look like one interval.
 */
export function cursorFormat(version: string, asked: unknown): string {
  return `${version}/${createHash('sha256').update(JSON.stringify(asked)).digest('hex').slice(0, 12)}`;
}
