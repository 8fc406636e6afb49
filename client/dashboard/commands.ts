import type { Context } from 'hono';
import type { ApiEnv } from '../api/access/caller.ts';
import { isOurOwnPage, sessionSecret } from '../api/access/session-cookie.ts';
import { ApiError } from '../api/api-error.ts';
import type { App } from '../api/app-types.ts';
import { leaveSaid } from './said.ts';

/**
 * The forms of the page, for browsers without scripts: each is the same call of the API that the script makes, with the same checks, and its
 * answer stands on the page that follows.
 */
export function addFormCommands(app: App): void {
  app.post('/products/:product/:command', (context) => forward(context, `/v1${context.req.path}`));
  app.post('/incidents/:incident/review', (context) => forward(context, `/v1${context.req.path}`));

  async function forward(context: Context<ApiEnv>, path: string): Promise<Response> {
    const form = await context.req.parseBody();
    const secret = sessionSecret(context);
    const { csrf, ...fields } = form;
    if (secret === null || typeof csrf !== 'string' || !isOurOwnPage(context, secret, csrf))
      throw new ApiError(403, 'this command did not come from our own page; load it again and repeat it');
    const response = await app.request(
      `${path}${new URL(context.req.url).search}`,
      {
        method: 'POST',
        headers: {
          cookie: context.req.header('cookie') ?? '',
          'content-type': 'application/json',
          'x-csrf-token': csrf,
        },
        body: JSON.stringify(jsonOf(fields)),
      },
      context.env,
    );
    const answer = (await response.json()) as { accepted?: boolean; reason?: string; error?: string };
    const { accepted: ok = response.ok, reason = answer.error ?? String(response.status) } = answer;
    leaveSaid(context, { ok, words: `${ok ? 'Accepted' : 'Refused'}: ${reason}` });
    const back = new URL(context.req.header('referer') ?? '/', context.req.url);
    return context.redirect(back.pathname + back.search, 303);
  }
}

/** What was left empty was not said; numbers are numbers. */
function jsonOf(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const said = Object.entries(fields).filter(([, value]) => typeof value === 'string' && value.trim() !== '');
  return Object.fromEntries(said.map(([name, value]) => [name, name === 'minutes' ? Number(value) : value]));
}
