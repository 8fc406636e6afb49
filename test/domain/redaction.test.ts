import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRedactor } from '../../domain/redaction.ts';

const none = createRedactor([]);

describe('what is a secret by its name or form', () => {
  it.each([
    ['password=hunter22 next', 'password=[redacted] next'],
    ['DB_PASSWORD: "hunter 22", user: "ada"', 'DB_PASSWORD: [redacted], user: "ada"'],
    ['{"api_key":"abc123","n":1}', '{"api_key":[redacted],"n":1}'],
    ['Authorization: Basic YWRhOnB3\nHost: x', 'Authorization: [redacted]\nHost: x'],
    ['postgres://shop:hunter22@db:5432/shop refused', 'postgres://shop:[redacted]@db:5432/shop refused'],
    ['curl -H "x: Bearer abcdefgh1234"', 'curl -H "x: Bearer [redacted]"'],
    ['pushed with ghp_0123456789abcdefghijABCDEFGHIJ012345', 'pushed with [redacted]'],
    ['using xoxb-123456789012-abcdef', 'using [redacted]'],
    [
      'https://hooks.slack.com/services/T00/B00/XXXX failed',
      'https://hooks.slack.com/services/[redacted] failed',
    ],
    ['key -----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- end', 'key [redacted] end'],
    ['?access_token=abc&page=2', '?access_token=[redacted]&page=2'],
  ])('%s', (text, redacted) => {
    expect(none.text(text)).toBe(redacted);
  });

  it.each([
    'errors 5.2/min, 10.4 x the 0.5/min of v2.4.0',
    'token bucket is empty, 3 tokens left',
    'a bearer token is needed: make one with "orchestrator token create", or sign in',
    'http://127.0.0.1:4600/incidents/inc-2026-11-24-shop-db663e7f1',
    'temporal workflow signal --workflow-id rollback/shop/production --name retry',
    'https://user@host/path: not found',
    'the passwords were rotated',
  ])('is not: %s', (text) => {
    expect(none.text(text)).toBe(text);
  });
});

describe('a known secret', () => {
  it('is found wherever it stands, also as JSON and in an address', () => {
    const redactor = createRedactor(['s3"cret\\value', 'pass word/1']);
    expect(redactor.values('got s3"cret\\value')).toBe('got [redacted]');
    expect(redactor.values(JSON.stringify({ a: 's3"cret\\value' }))).toBe('{"a":"[redacted]"}');
    expect(redactor.values('http://x/?p=pass%20word%2F1')).toBe('http://x/?p=[redacted]');
  });

  it('is taken out whole where another is a part of it, and a short one is none', () => {
    const redactor = createRedactor(['secret-1', 'secret-1-long', 'abc']);
    expect(redactor.values('secret-1-long abc')).toBe('[redacted] abc');
  });

  it('may be learned later', () => {
    const redactor = createRedactor([]);
    redactor.learn(['later-secret']);
    expect(redactor.values('x later-secret')).toBe('x [redacted]');
  });

  it('survives nowhere in a value, however deep, and the rest is as it was', () => {
    const secret = 'canary-5f8a2c';
    const redactor = createRedactor([secret]);
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.string(), fc.string(), (value, before, after) => {
        const planted = { value, list: [{ text: `${before}${secret}${after}` }] };
        expect(JSON.stringify(redactor.deep(planted))).not.toContain(secret);
      }),
    );
    const plain = { a: [1, null, true, { b: 'healthy' }], at: 5 };
    expect(redactor.deep(plain)).toEqual(plain);
  });
});
