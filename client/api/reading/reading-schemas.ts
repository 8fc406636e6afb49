import { z } from '@hono/zod-openapi';
import { productPhases } from '../../../domain/product-phase.ts';
import { signals } from '../../../domain/series.ts';
import { deployment, vetoShape } from '../schemas.ts';

const point = z.object({ atMs: z.number(), value: z.number().nullable() });

export const serviceSeries = z
  .object({
    service: z.string(),
    release: z.string(),
    signals: z.array(
      z.object({
        signal: z.enum(signals),
        unit: z.string(),
        baseline: z.number().nullable(),
        threshold: z.number().nullable(),
        points: z.array(point),
      }),
    ),
  })
  .openapi('ServiceSeries');

export const productNow = z
  .object({
    product: z.string(),
    environment: z.string(),
    phase: z.enum(productPhases),
    owner: z.string(),
    current: deployment.nullable(),
    releases: z.string(),
    endsAtMs: z.number().nullable(),
    sentence: z.string(),
    checkedAtMs: z.number().nullable(),
    pause: z.object({ untilMs: z.number().nullable(), by: z.string(), reason: z.string() }).nullable(),
    ...vetoShape,
    observedOnly: z.boolean(),
    rollback: z.object({ id: z.string(), incident: z.string().nullable(), sinceMs: z.number() }).nullable(),
    wayBack: z.object({ target: z.string(), score: z.number(), missing: z.string().nullable() }).nullable(),
    services: z.array(serviceSeries),
  })
  .openapi('ProductNow');
