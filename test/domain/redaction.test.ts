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
    ['pwd=abc1 next', 'pwd=[redacted] next'],
    ['Server=db;Uid=ada;Pwd=abc1;', 'Server=db;Uid=ada;Pwd=[redacted];'],
    ['passphrase=abc1', 'passphrase=[redacted]'],
    ['mysql --password abc1 --host db', 'mysql --password [redacted] --host db'],
    ['deploy --registry-token "ab cd" now', 'deploy --registry-token [redacted] now'],
    ['["deploy","--token","abc1","--now"]', '["deploy","--token",[redacted],"--now"]'],
    ['as ASIA0123456789ABCDEF here', 'as [redacted] here'],
    ['pushed with glpat-0123456789abcdefghij.', 'pushed with [redacted].'],
    ['{"password":"a\\"b","n":1}', '{"password":[redacted],"n":1}'],
    ['password="hunter 22 and cut o', 'password=[redacted]'],
    ['got eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmVk', 'got eyJhbGciOiJSUzI1NiJ9.[redacted]'],
  ])('%s', (text, redacted) => {
    expect(none.text(text)).toBe(redacted);
    expect(none.text(redacted), 'a second time').toBe(redacted);
  });

  it('is found in JSON that is a text of other JSON, however deep and whatever it is', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat({ max: 3 }), (value, depth) => {
        const nested = (password: unknown) => {
          let text = JSON.stringify({ password, after: 1 });
          for (let level = 0; level < depth; level++) text = JSON.stringify(text);
          return text;
        };
        const mark = 4711;
        expect(none.text(nested(value))).toBe(nested(mark).replace(`${mark}`, '[redacted]'));
      }),
    );
  });

  it.each([
    'a.',
    'a-',
    'eyJ-',
    'eyJaaaaaaaa.',
    'password-',
    'password ',
    'password="',
    'pwd=\\"',
    '--token-',
    '--token ',
    'a://',
    'a:/',
    'xoxb-',
    '-----BEGIN ',
    '-----END PRIVATE KEY',
    '\\',
    '-',
  ])('is looked for in time in proportion to the text: 1 MB of %j', (piece) => {
    // Where each place of the text reads on to its end, this takes hours.
    none.text(piece.repeat(1_000_000 / piece.length));
    none.text(`password=${piece.repeat(1_000_000 / piece.length)}`);
  });

  it.each([
    'errors 5.2/min, 10.4 x the 0.5/min of v2.4.0',
    'token bucket is empty, 3 tokens left',
    'a bearer token is needed: make one with "orchestrator token create", or sign in',
    'http://127.0.0.1:4600/incidents/inc-2026-11-24-shop-db663e7f1',
    'temporal workflow signal --workflow-id rollback/shop/production --name retry',
    'https://user@host/path: not found',
    'the passwords were rotated',
    'PWD=/home/ada/shop OLDPWD=/tmp',
    'give it --token or sign in',
    'orchestrator up --token-file proxy.token --port 8080',
    'a glpat-like word, ASIAN markets, and -- secret things',
    'https://shop.example:8443/a@b is down',
  ])('is not: %s', (text) => {
    expect(none.text(text)).toBe(text);
  });
});

describe('a known secret', () => {
  it('is found wherever it stands, also as JSON and in an address', () => {
    const redactor = createRedactor(['s3"cret\\value', 'pass word/1']);
    expect(redactor.values('got s3"cret\\value')).toBe('got [redacted]');
    const json = JSON.stringify({ a: 's3"cret\\value' });
    expect(redactor.values(json)).toBe('{"a":"[redacted]"}');
    expect(redactor.values(JSON.stringify(json))).toBe(JSON.stringify('{"a":"[redacted]"}'));
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
