import { mask } from './runner.js';

/** An identity token lives for five minutes, and a long wait needs several: one that ends within this time serves no longer. */
const spareMs = 60_000;

/** The bearer token of each request: the one that is given, or the job's identity token, made out anew when it gets old. */
export function createTokens({ token, audience }, env) {
  if (token !== '') {
    mask(token);
    return async () => token;
  }
  const { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: secret } = env;
  if (!url || !secret)
    throw new Error(
      'this job can have no identity token: give it "permissions: id-token: write", or the input token',
    );
  let known = null;
  return async () => {
    if (known === null || Date.now() > known.endsAtMs - spareMs) {
      const value = await identityToken(url, secret, audience);
      known = { value, endsAtMs: endOf(value) };
    }
    return known.value;
  };
}

function endOf(value) {
  try {
    return JSON.parse(Buffer.from(value.split('.')[1], 'base64url').toString()).exp * 1_000;
  } catch {
    return 0;
  }
}

async function identityToken(url, secret, audience) {
  const target = new URL(url);
  target.searchParams.set('audience', audience);
  let found = '';
  for (let tries = 1; tries <= 3; tries += 1) {
    try {
      const headers = { authorization: `Bearer ${secret}`, accept: 'application/json' };
      const response = await fetch(target, { headers, signal: AbortSignal.timeout(15_000) });
      const { value } = response.ok ? await response.json() : {};
      if (typeof value === 'string' && value !== '') {
        mask(value);
        return value;
      }
      found = `HTTP ${response.status}`;
    } catch (error) {
      found = error.cause?.code ?? error.message;
    }
    await new Promise((resolve) => setTimeout(resolve, tries * 1_000));
  }
  throw new Error(`GitHub made out no identity token: ${found}`);
}
