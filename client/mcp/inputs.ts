import { z } from 'zod';
import type { Scope } from '../rollback-client.ts';

const name = (what: string) => z.string().min(1).max(63).describe(what);

export const product = name('A product of the configuration, e.g. shop');

export const scopeShape = {
  product,
  environment: name('Default: production').optional(),
};

export const releasesShape = {
  release: name('The release, for a product with one service, e.g. v2.6.0').optional(),
  services: z
    .record(z.string(), z.string())
    .optional()
    .describe('For several services: service → release, e.g. {"web": "v2.6.0", "jobs": "v1.3.0"}'),
};

export const reason = z
  .string()
  .trim()
  .min(1)
  .max(2_000)
  .describe('Why, in a sentence; it goes into the timeline');

export function scopeOf({
  product: named,
  environment,
}: {
  product: string;
  environment?: string | undefined;
}): Scope {
  return { product: named, ...(environment === undefined ? {} : { environment }) };
}
