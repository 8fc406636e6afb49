import { show } from './runner.js';

/** After that the step fails: somebody shall look. */
const giveUpMs = 3 * 60_000;
const againStatuses = [0, 429, 502, 503, 504];

/** Calls the API; what it does not take now is tried again, as late as it says. */
export function createApi(apiUrl, token) {
  return {
    async call(method, path, { body, alsoAnswers = [], timeoutMs = 30_000 } = {}) {
      const untilMs = Date.now() + giveUpMs;
      for (let tries = 1; ; tries += 1) {
        const answer = await ask(method, `${apiUrl}${path}`, await token(), body, timeoutMs);
        const { status, value, found } = answer;
        if ((status >= 200 && status < 300) || alsoAnswers.includes(status)) return value;
        const waitMs = answer.retryAfterMs ?? Math.min(20_000, 500 * 2 ** tries);
        if (!againStatuses.includes(status) || Date.now() + waitMs >= untilMs) throw new Error(found);
        show(`${found}; trying again in ${Math.ceil(waitMs / 1_000)} s`);
        await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
    },
  };
}

async function ask(method, url, token, body, timeoutMs) {
  try {
    const response = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      signal: AbortSignal.timeout(timeoutMs),
      redirect: 'error',
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const value = parsed(text);
    const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
    return {
      status: response.status,
      value,
      retryAfterMs: Number.isNaN(seconds) ? null : seconds * 1_000,
      found: `the API answered ${response.status}: ${value?.error ?? text.slice(0, 300)}`,
    };
  } catch (error) {
    const why = error.cause?.code ?? error.cause?.message ?? error.message;
    return {
      status: 0,
      value: null,
      retryAfterMs: null,
      found: `the API at ${new URL(url).origin} does not answer: ${why}`,
    };
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
