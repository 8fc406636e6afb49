import { z } from 'zod';
import type { LiveService } from '../../domain/live.ts';

const liveSchema: z.ZodType<LiveService> = z.object({
  configured: z.string().min(1).nullable(),
  instances: z.array(
    z.object({
      id: z.string().min(1),
      release: z.string().min(1).nullable(),
      running: z.boolean(),
      url: z.url({ protocol: /^https?$/ }).nullable(),
      trouble: z.string().min(1).optional(),
    }),
  ),
  recipe: z.string().min(1).max(2_000).optional(),
});

/** What somebody else's program says is live; throws with the places that are wrong. */
export function parseLive(value: unknown): LiveService {
  const found = liveSchema.safeParse(value);
  if (found.success) return found.data;
  throw new Error(`not a live service: ${z.prettifyError(found.error)}`);
}

/** All that is known where only a release was told. */
export function liveByName(service: string, release: string): LiveService {
  return { configured: release, instances: [{ id: service, release, running: true, url: null }] };
}
