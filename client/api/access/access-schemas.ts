import { z } from '@hono/zod-openapi';
import { roles } from '../../../domain/access.ts';
import { identifier, wholeNumber } from '../schemas.ts';

export const newTokenRequest = z
  .strictObject({
    name: identifier('name').describe('of whom or what holds it; it stands in the timeline'),
    role: z.enum(roles),
    product: identifier('product').nullable().default(null).describe('null: for every product'),
    days: z.number().positive().max(3_660).nullable().default(90).describe('until it expires; null: never'),
  })
  .openapi('NewTokenRequest');

export const token = z
  .object({
    id: z.string(),
    name: z.string(),
    role: z.enum(roles),
    product: z.string().nullable(),
    createdBy: z.string(),
    createdAtMs: z.number(),
    expiresAtMs: z.number().nullable(),
    lastUsedAtMs: z.number().nullable(),
    revokedAtMs: z.number().nullable(),
  })
  .openapi('Token');

export const madeToken = z
  .object({ token, secret: z.string().describe('shown this once: only its hash is kept') })
  .openapi('MadeToken');

export const whoAmI = z
  .object({
    name: z.string(),
    kind: z.enum(['person', 'token', 'workload']),
    grants: z.array(z.object({ role: z.enum(roles), product: z.string().nullable() })),
  })
  .openapi('WhoAmI');

export const auditEntry = z
  .object({
    atMs: z.number(),
    who: z.string(),
    kind: z.string(),
    from: z.string(),
    call: z.string(),
    product: z.string().nullable(),
    environment: z.string().nullable(),
    why: z.string().nullable(),
    status: z.number(),
    answer: z.string(),
  })
  .openapi('AuditEntry');

export const auditQuery = z.object({
  product: identifier('product').optional(),
  who: z.string().min(1).max(200).optional(),
  limit: wholeNumber(1, 1_000).default(100),
});

export const linkRequest = z
  .strictObject({ by: z.string().trim().min(1).max(200).optional() })
  .openapi('LinkRequest');

export const signInLink = z
  .object({ url: z.string().describe('opens the page, once, within two minutes') })
  .openapi('SignInLink');
