import { getGlobalDispatcher, setGlobalDispatcher } from 'undici';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createHttpProbe } from '../../../adapters/health/http-probe.ts';
import { askJson } from '../../../adapters/http/ask-json.ts';
import { readPage } from '../../../adapters/metrics/read-page.ts';
import { postJson } from '../../../adapters/notify/post-json.ts';
import { runtimeApi } from '../../../adapters/traffic/haproxy/runtime-api.ts';
import { createNginxTraffic } from '../../../adapters/traffic/nginx.ts';
import { guardRequests } from '../../../client/cli/guard-requests.ts';

const before = getGlobalDispatcher();
beforeAll(() => guardRequests());
afterAll(() => setGlobalDispatcher(before));

const { signal } = new AbortController();
const url = 'http://169.254.1.1/x';
const limits = { timeoutMs: 30_000, maxBytes: 1_000, signal };

/** What metrics, targets, channels and traffic ask with; each as every adapter that uses it. */
const ways: Record<string, () => Promise<unknown>> = {
  'a question in JSON': () => askJson({ ...limits, method: 'GET', url }),
  'a page of metrics': () => readPage(url, { ...limits, onText: () => undefined }),
  'a message': () =>
    postJson({ ...limits, channel: 'Slack', url: new URL(url), body: '{}' }).catch(
      (error: Error) => error.message,
    ),
  'a health check': () =>
    createHttpProbe({ timeoutMs: 30_000 }).probe(
      [{ id: 'web/0', release: 'v1', running: true, url: 'http://169.254.1.1' }],
      signal,
    ),
  'the state of nginx': () =>
    createNginxTraffic({ file: '/nowhere', upstream: 'shop', stateUrl: url })
      .state('web', signal)
      .catch((error: Error) => error.message),
  'HAProxy’s runtime API': () =>
    runtimeApi('169.254.1.1:9999', limits)
      .ask('show info')
      .catch((error: Error) => error.message),
  fetch: () => fetch(url).catch((error: Error) => (error.cause as Error).message),
};

it.each(Object.keys(ways))('a link-local address is not asked, and the reason is said: %s', async (way) => {
  const startedMs = performance.now();
  expect(JSON.stringify(await ways[way]?.())).toContain(
    '169.254.1.1 is a link-local address, where clouds keep their metadata: it is not asked',
  );
  expect(performance.now() - startedMs).toBeLessThan(5_000);
});
