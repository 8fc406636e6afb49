import { CommandFailure, exitCode } from './exit-codes.ts';

/** A time that a person gave to an option, as ISO 8601 in UTC. */
export function timeOf(flag: string, text: string): string {
  const atMs = Date.parse(text);
  if (Number.isNaN(atMs))
    throw new CommandFailure(
      exitCode.usage,
      `${flag} ${JSON.stringify(text)} is not a time, allowed is ISO 8601 such as 2026-01-26T10:00:00Z`,
    );
  return new Date(atMs).toISOString();
}
