import { randomBytes } from 'node:crypto';
import { z } from '@hono/zod-openapi';
import type { SessionIdentity } from '../../../adapters/store/sessions.ts';
import type { TokenRecord } from '../../../adapters/store/tokens.ts';
import { ApiError } from '../api-error.ts';
import { type App, type AppOptions, problems } from '../app-types.ts';
import { answer, json, plain } from '../schemas.ts';
import {
  auditEntry,
  auditQuery,
  linkRequest,
  madeToken,
  newTokenRequest,
  signInLink,
  token,
  whoAmI,
} from './access-schemas.ts';
import { callerName } from './caller.ts';
import { guarded } from './guarded.ts';
import { hashOf, newToken, tokenId } from './tokens.ts';

const linkMs = 120_000;

/** Who am I, tokens, the audit trail, and links that open the page. */
export function addAccessRoutes(app: App, { store, access }: AppOptions): void {
  const me = guarded('read', {
    method: 'get',
    path: '/v1/me',
    responses: { 200: { description: 'Who the caller is', ...json(whoAmI) }, ...problems },
  });
  app.openapi(me, (context) => context.json(plain(context.get('caller').principal), 200));

  const make = guarded('administer', {
    method: 'post',
    path: '/v1/tokens',
    request: { body: { required: true, ...json(newTokenRequest) } },
    responses: { 201: { description: 'Made', ...json(madeToken) }, ...problems },
  });
  app.openapi(make, async (context) => {
    const { days, ...wanted } = context.req.valid('json');
    const { id, secret, hash } = newToken();
    const createdAtMs = Date.now();
    const expiresAtMs = days === null ? null : Math.round(createdAtMs + days * 86_400_000);
    const createdBy = context.get('caller').principal.name;
    const made = { ...wanted, id, hash, createdBy, createdAtMs, expiresAtMs };
    if (!(await store.tokens.create(made)))
      throw new ApiError(
        409,
        `there is a token named ${wanted.name} already: revoke it, or choose another name`,
      );
    const shown = shownToken({ ...made, lastUsedAtMs: null, revokedAtMs: null });
    return context.json({ token: shown, secret }, 201);
  });

  const list = guarded('administer', {
    method: 'get',
    path: '/v1/tokens',
    responses: {
      200: { description: 'Newest first', ...json(z.object({ tokens: z.array(token) })) },
      ...problems,
    },
  });
  app.openapi(list, async (context) =>
    context.json({ tokens: (await store.tokens.list()).map(shownToken) }, 200),
  );

  const revoke = guarded('administer', {
    method: 'delete',
    path: '/v1/tokens/{token}',
    request: { params: z.object({ token: z.string().describe('its id or name') }) },
    responses: { 200: { description: 'It serves no longer', ...json(answer) }, ...problems },
  });
  app.openapi(revoke, async (context) => {
    const { token: wanted } = context.req.valid('param');
    const found = (await store.tokens.list()).find(
      ({ id, name, revokedAtMs }) => revokedAtMs === null && (id === wanted || name === wanted),
    );
    if (found === undefined || !(await store.tokens.revoke(found.id, Date.now())))
      throw new ApiError(404, `there is no token ${wanted} that still serves`);
    return context.json({ accepted: true, reason: `the token ${found.name} serves no longer` }, 200);
  });

  const audit = guarded('administer', {
    method: 'get',
    path: '/v1/audit',
    request: { query: auditQuery },
    responses: {
      200: {
        description: 'Every command, newest first',
        ...json(z.object({ entries: z.array(auditEntry) })),
      },
      ...problems,
    },
  });
  app.openapi(audit, async (context) =>
    context.json({ entries: await store.audit.list(context.req.valid('query')) }, 200),
  );

  const link = guarded('read', {
    method: 'post',
    path: '/v1/sign-in-links',
    request: { body: { required: true, ...json(linkRequest) } },
    responses: { 201: { description: 'Opens the page', ...json(signInLink) }, ...problems },
  });
  app.openapi(link, async (context) => {
    const identity = identityOf(
      context.req.header('authorization'),
      callerName(context, context.req.valid('json').by),
    );
    const secret = randomBytes(32).toString('base64url');
    await store.sessions.open({
      hash: hashOf(secret),
      kind: 'link',
      identity,
      expiresAtMs: Date.now() + linkMs,
    });
    const ours = (await access()).publicUrl ?? new URL(context.req.url).origin;
    return context.json({ url: `${ours}/sign-in/${secret}` }, 201);
  });
}

/** Whoever has a token may look at the page with it. A workload has no eyes. */
function identityOf(header: string | undefined, name: string): SessionIdentity {
  const secret = header?.replace(/^Bearer /, '').trim();
  if (secret === undefined) throw new ApiError(409, 'you are signed in already');
  if (secret.split('.').length === 3)
    throw new ApiError(403, 'an identity token of a workload opens no page; use an API token, or sign in');
  return { by: 'token', token: tokenId(secret) ?? 'local', name };
}

function shownToken(token: Omit<TokenRecord, 'hash'>) {
  const { id, name, role, product, createdBy, createdAtMs, expiresAtMs, lastUsedAtMs, revokedAtMs } = token;
  return { id, name, role, product, createdBy, createdAtMs, expiresAtMs, lastUsedAtMs, revokedAtMs };
}
