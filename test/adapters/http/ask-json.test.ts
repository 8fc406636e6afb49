import { afterEach, describe, expect, it } from 'vitest';
import { askJson, type JsonQuestion, parseRetryAfter } from '../../../adapters/http/ask-json.ts';
import { aFaultyServer, aServer, type HttpFault, httpFaults } from '../http-faults.ts';
import { cleanUp } from '../temporary.ts';

const ask = (url: string, over: Partial<JsonQuestion> = {}) =>
  askJson({
    method: 'GET',
    url,
    timeoutMs: 400,
    maxBytes: 100_000,
    signal: AbortSignal.timeout(60_000),
    ...over,
  });

describe('asking for JSON over HTTP', () => {
  afterEach(cleanUp);

  const answers: Readonly<Record<HttpFault, object>> = {
    'a refused connection': { kind: 'unreachable', found: 'connection refused' },
    'no answer': { kind: 'timeout', found: 'no complete answer within 400 ms' },
    'HTTP 401': { kind: 'refused', status: 401, found: 'HTTP 401 Unauthorized', value: { message: 'no' } },
    'HTTP 403': { kind: 'refused', status: 403, found: 'HTTP 403 Forbidden' },
    'HTTP 404': { kind: 'refused', status: 404, found: 'HTTP 404 Not Found', value: undefined },
    'HTTP 429': {
      kind: 'rate_limited',
      found: 'HTTP 429 Too Many Requests, asks to wait 7 s',
      retryAfterMs: 7_000,
    },
    'HTTP 500': { kind: 'refused', status: 500 },
    'HTTP 503': { kind: 'refused', status: 503, found: 'HTTP 503 Service Unavailable' },
    'a redirect': { kind: 'refused', found: 'HTTP 302 Found: a redirect, which is not followed' },
    'a truncated body': { kind: 'unreachable', found: 'connection closed before the end' },
    'a body of 10 MB': { kind: 'too_large', found: 'the answer is larger than 100000 bytes' },
    'a wrong content type': { kind: 'answered', value: undefined, contentType: 'text/html' },
    'a slow drip': { kind: 'timeout' },
  };

  it.for(httpFaults)('says what it met: %s', async (fault) => {
    expect(await ask(await aFaultyServer(fault))).toMatchObject(answers[fault]);
  });

  it('sends what it is given, and gives back what is answered', async () => {
    const url = await aServer((request, response) => {
      let body = '';
      request.on('data', (piece: Buffer) => {
        body += piece.toString();
      });
      request.on('end', () =>
        response.end(JSON.stringify({ method: request.method, key: request.headers['dd-api-key'], body })),
      );
    });
    const question = { method: 'POST', headers: { 'dd-api-key': 'secret' }, body: '{}' } as const;
    expect(await ask(url, question)).toMatchObject({
      kind: 'answered',
      status: 200,
      value: { method: 'POST', key: 'secret', body: '{}' },
    });
  });

  it('tells a cancelled question from one that took too long', async () => {
    const over = AbortSignal.abort();
    expect(await ask(await aFaultyServer('no answer'), { signal: over })).toMatchObject({
      kind: 'cancelled',
    });
    expect(await ask('not a url')).toMatchObject({ kind: 'unreachable', found: 'not a valid URL' });
  });

  it.for([
    ['7', 7_000],
    [undefined, null],
    ['soon', null],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
  ] as const)('reads Retry-After %s as %s ms', ([header, ms]) => {
    expect(parseRetryAfter(header)).toBe(ms);
  });
});
