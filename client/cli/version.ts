import { readFileSync } from 'node:fs';

/** Of this package, from a checkout as well as from `dist/`. */
export function version(): string {
  for (const place of ['../../package.json', '../../../package.json']) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(place, import.meta.url), 'utf8')) as {
        name: string;
        version: string;
      };
      if (name === 'rollback-orchestrator') return version;
    } catch {
      // The other place.
    }
  }
  return 'unknown';
}
