import { CommandFailure, exitCode } from './exit-codes.ts';

/** `RELEASE`, for a product with one service, or `SERVICE=RELEASE,…`. */
export function releasesOf(text: string): { release: string } | { services: Record<string, string> } {
  if (!text.includes('=')) return { release: text };
  const pairs = text.split(',').map((pair) => pair.split('='));
  const wrong = pairs.find((pair) => pair.length !== 2 || pair.includes(''));
  if (wrong !== undefined) {
    throw new CommandFailure(
      exitCode.usage,
      `${JSON.stringify(text)}: found ${JSON.stringify(wrong.join('='))}, allowed are RELEASE or SERVICE=RELEASE,SERVICE=RELEASE`,
    );
  }
  return { services: Object.fromEntries(pairs as [string, string][]) };
}
