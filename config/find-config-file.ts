import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { ConfigError } from './findings.ts';
import type { Env } from './references.ts';

/** Where a file is looked for that nobody named, relative to the working folder. */
export const usualPlaces: readonly string[] = [
  'rollback-config.yml',
  '.claude/advanced-features/rollback-config.yml',
];

export interface WhereToLook {
  /** What `--config` says. */
  readonly flag?: string | null;
  readonly env: Env;
  readonly cwd: string;
}

/** The configuration file's absolute path. One that was named must be there: no other is taken in its place. */
export function findConfigFile({ flag, env, cwd }: WhereToLook): string {
  const named = [
    { how: '--config', place: flag },
    { how: 'ROLLBACK_CONFIG', place: env.ROLLBACK_CONFIG },
  ].find(({ place }) => place != null && place !== '');
  if (named !== undefined) {
    const file = resolve(cwd, named.place ?? '');
    if (existsSync(file)) return file;
    throw new ConfigError(`${named.how} names ${file}, which does not exist`);
  }
  const places = usualPlaces.map((place) => resolve(cwd, place));
  const found = places.find((place) => existsSync(place));
  if (found !== undefined) return found;
  const looked = ['--config (not given)', 'ROLLBACK_CONFIG (not set)', ...places].join(', ');
  throw new ConfigError(`no configuration file; looked for ${looked}`);
}
