import { describe, expect, it } from 'vitest';
import type { TriggerType } from '../../domain/detection/verdict.ts';
import { addedBlocks, hypothesize } from '../../domain/root-cause.ts';
import { aChange, aChangeSet, aTrigger } from './builders.ts';

/** The shop's v2.5.0: a list that loads each product by itself. */
const nPlusOne = `diff --git a/src/products.js b/src/products.js
index 6213115..4838177 100644
--- a/src/products.js
+++ b/src/products.js
@@ -1,6 +1,12 @@
 export async function listProducts(database) {
-  const rows = await database.use((db) =>
-    db.query('SELECT id, name FROM products ORDER BY name'),
-  );
-  return rows;
+  return await database.use(async (db) => {
+    const products = [];
+    for (const { id } of await db.query('SELECT id FROM products ORDER BY name')) {
+      products.push(await loadProduct(db, id));
+    }
+    return products;
+  });
+}
+
+async function loadProduct(db, id) {
 }
`;

const listener = `--- a/src/respond.js
+++ b/src/respond.js
@@ -1,2 +1,5 @@
+import { lifecycle } from './lifecycle.js';
 export function respond(response, status, body) {
+  lifecycle.on('stopping', () => {
+  });
 }
`;

const fired = (...types: TriggerType[]) => types.map((type) => aTrigger({ type, reason: `${type} is high` }));
const changed = (diff: string, ...paths: string[]) => [
  aChangeSet({ diff, changes: [aChange({ files: paths.map((path) => ({ path, added: 1, removed: 0 })) })] }),
];
const json = (fields: object) =>
  JSON.stringify({ time: '2026-01-26T10:12:00.503Z', level: 'error', pid: 5020, ...fields });

describe('the hypothesis', () => {
  it('finds the N+1 query by trigger, log and code, at the line of the loop', () => {
    const stack = [
      'ConnectionPoolTimeoutError: no connection became free within 100 ms (pool of 8)',
      '    at acquire (file:///srv/shop/src/pool.js:20:11)',
      '    at async listProducts (file:///srv/shop/src/products.js:4:28)',
      '    at async answerOf (file:///srv/shop/server.js:43:34)',
    ].join('\n');
    const line = json({ msg: 'no connection became free within 100 ms (pool of 8)', stack });
    expect(
      hypothesize({
        triggers: fired('error_rate', 'database'),
        logs: [line, line, json({ msg: 'shop listens' })],
        changes: changed(nPlusOne, 'src/products.js', 'README.md'),
      }),
    ).toEqual({
      cause: 'n_plus_one_query',
      summary: 'New code runs one query per item (N+1 query) in src/products.js:4',
      confidence: 'high',
      evidence: [
        'trigger error_rate: error_rate is high',
        'trigger database: database is high',
        '2 log lines like: no connection became free within 100 ms (pool of 8)',
        "src/products.js:4 adds: for (const { id } of await db.query('SELECT id FROM products ORDER BY name')) { products.push(await loadProduct(db, id)); }",
        'stack frame in a changed file: at async listProducts (file:///srv/shop/src/products.js:4:28)',
      ],
    });
  });

  it('finds the listener that is never removed', () => {
    const msg =
      'MaxListenersExceededWarning: Possible EventEmitter memory leak detected. 11 stopping listeners added';
    expect(
      hypothesize({
        triggers: fired('memory'),
        logs: [json({ msg })],
        changes: changed(listener, 'src/respond.js'),
      }),
    ).toMatchObject({
      cause: 'listener_leak',
      summary: 'An EventEmitter listener is added and never removed in src/respond.js:3',
      confidence: 'high',
      evidence: [
        'trigger memory: memory is high',
        `1 log lines like: ${msg}`,
        expect.stringMatching(/^src\/respond\.js:3 adds: lifecycle/),
      ],
    });
  });

  it.each([
    [
      'unbounded_growth',
      ['memory'],
      ['JavaScript heap out of memory'],
      '@@ -0,0 +1 @@\n+seen.cache.push(request);',
      'high',
    ],
    ['database_connections', ['database'], ['connect ECONNREFUSED 127.0.0.1:5432'], '', 'low'],
    ['process_crash', ['health_check'], ['uncaughtException: boom'], '', 'low'],
    [
      'code_error',
      ['error_rate'],
      ["TypeError: Cannot read properties of undefined (reading 'id')"],
      '',
      'low',
    ],
    ['dependency_failure', ['error_rate'], ['payments answered 503: the bank does not answer'], '', 'low'],
    [
      'n_plus_one_query',
      ['manual'],
      ['slow query: 900 ms'],
      '@@ -0,0 +7 @@\n+ids.map((id) => db.find(id))',
      'medium',
    ],
  ] as const)('%s after %j and %j', (cause, triggers, logs, hunk, confidence) => {
    const diff = hunk === '' ? '' : `+++ b/src/a.js\n${hunk}\n`;
    const found = hypothesize({ triggers: fired(...triggers), logs, changes: changed(diff, 'src/a.js') });
    expect(found).toMatchObject({ cause, confidence });
    expect(found.summary.includes(' in src/a.js:')).toBe(hunk !== '');
  });

  it('prefers the cause whose code is in a stack frame', () => {
    const diff = '+++ b/src/pool.js\n@@ -0,0 +1 @@\n+const connection = await pool.acquire();\n';
    const [log, frame] = ['connection timeout', '    at acquire (/srv/src/pool.js:1:27)'];
    const withFrame = hypothesize({
      triggers: [],
      logs: [log, frame],
      changes: changed(diff, 'src/pool.js'),
    });
    expect(withFrame).toMatchObject({ cause: 'database_connections', confidence: 'medium' });
    expect(withFrame.evidence).toContain('stack frame in a changed file: at acquire (/srv/src/pool.js:1:27)');
  });

  it('abstains on evidence of one kind', () => {
    for (const [triggers, logs, diff] of [
      [fired('error_rate'), [], ''],
      [[], ['TypeError: x is not a function'], ''],
      [[], [], nPlusOne],
      [[], [], ''],
    ] as const) {
      expect(hypothesize({ triggers, logs, changes: changed(diff, 'src/products.js') })).toEqual({
        cause: 'unknown',
        summary: 'Unknown: neither logs nor the 1 changes point to one cause',
        confidence: 'none',
        evidence: [],
      });
    }
  });

  it('that abstains still names a changed file that fails', () => {
    const logs = [
      'Error: no such voucher',
      '    at redeem (/srv/src/voucher.js:3:9)',
      '    at run (/srv/src/voucher.js:9:1)',
    ];
    expect(hypothesize({ triggers: [], logs, changes: changed('', 'src/voucher.js') })).toEqual({
      cause: 'code_error',
      summary: 'New code fails in a changed file',
      confidence: 'low',
      evidence: [
        'stack frame in a changed file: at redeem (/srv/src/voucher.js:3:9)',
        'stack frame in a changed file: at run (/srv/src/voucher.js:9:1)',
      ],
    });
  });

  it('cuts long evidence', () => {
    const found = hypothesize({
      triggers: fired('error_rate'),
      logs: [`TypeError ${'x'.repeat(500)}`],
      changes: [],
    });
    expect(found.evidence.every((line) => line.length < 230)).toBe(true);
  });
});

describe('a log line', () => {
  const framesOf = (logs: readonly string[], ...paths: string[]) =>
    hypothesize({ triggers: [], logs, changes: changed('', ...paths) }).evidence;

  it('of JSON is judged by what it says, not by its stack, its time or its process', () => {
    const stack = 'Error: no such product\n    at use (/srv/src/pool.js:3:9)';
    const logs = [json({ msg: 'no such product', port: 502, stack })];
    expect(hypothesize({ triggers: fired('error_rate', 'database'), logs, changes: [] }).cause).toBe(
      'unknown',
    );
  });

  it.each([
    [
      'pino',
      {
        msg: 'request failed',
        err: { type: 'TypeError', message: 'x is undefined', stack: 'TypeError\n at a (/srv/a.js:1:2)' },
      },
      'request failed: TypeError: x is undefined',
    ],
    [
      'winston',
      { message: 'TypeError: boom', stack: 'TypeError: boom\n at a (/srv/a.js:1:2)' },
      'TypeError: boom',
    ],
    [
      'bunyan',
      { msg: 'failed', err: { name: 'TypeError', message: 'boom', code: 'E_X' } },
      'failed: TypeError: boom: E_X',
    ],
    ['an error in words', { level: 'error', error: 'TypeError: boom' }, 'TypeError: boom'],
    ['an error object', { error: { name: 'TypeError', message: 'boom' } }, 'TypeError: boom'],
  ])('of %s says its message and its error', (_, fields, said) => {
    const found = hypothesize({ triggers: fired('error_rate'), logs: [JSON.stringify(fields)], changes: [] });
    expect(found).toMatchObject({ cause: 'code_error' });
    expect(found.evidence).toContain(`1 log lines like: ${said}`);
  });

  it.each([
    '{"time": 3, "TypeError": true}',
    '{ TypeError, not JSON',
    '["TypeError"]',
    'plain TypeError: boom',
  ])('%s says itself', (line) => {
    const found = hypothesize({ triggers: fired('error_rate'), logs: [line], changes: [] });
    expect(found.evidence).toContain(`1 log lines like: ${line}`);
  });

  it('gives the innermost frame of a stack that names a changed file, once', () => {
    const stack =
      'Error: x\n    at a (/srv/node_modules/lib/a.js:1:1)\n    at b (/srv/src/b.js:2:2)\n    at c (/srv/src/c.js:3:3)';
    const line = json({ err: { message: 'x', stack } });
    expect(framesOf([line, line], 'src/c.js', 'src/b.js')).toEqual([
      'stack frame in a changed file: at b (/srv/src/b.js:2:2)',
    ]);
  });

  it.each([
    ['at f (/srv/server.js:3:1)', 'server.js', true],
    ['at f (/srv/webserver.js:3:1)', 'server.js', false],
    ['at f (/srv/my-server.js:3:1)', 'server.js', false],
    ['at f (/srv/server.json:3:1)', 'server.js', false],
    ['at server.js:3:1', 'server.js', true],
    ['File "/srv/app/shop.py", line 3, in load', 'app/shop.py', true],
    ['main.go:12 +0x1d', 'main.go', true],
    ['loaded server.js', 'server.js', false],
  ])('%s names %s: %s', (line, path, names) => {
    expect(framesOf([line], path)).toHaveLength(names ? 1 : 0);
  });
});

describe('added blocks', () => {
  it('are runs of added lines with their place in the new release', () => {
    expect(addedBlocks(listener)).toEqual([
      { path: 'src/respond.js', line: 1, text: "import { lifecycle } from './lifecycle.js';" },
      { path: 'src/respond.js', line: 3, text: "  lifecycle.on('stopping', () => {\n  });" },
    ]);
    expect(addedBlocks('')).toEqual([]);
  });

  it('of several hunks and files keep their lines, whatever is removed in between', () => {
    const diff = [
      'diff --git a/one.js b/one.js',
      '--- a/one.js',
      '+++ b/one.js\t2026-01-26',
      '@@ -3,3 +3,3 @@ function one() {',
      ' context',
      '-old',
      '+new',
      ' context',
      '@@ -20 +20,2 @@',
      '-old',
      '+first',
      '+second',
      '\\ No newline at end of file',
      'diff --git a/two.js b/two.js',
      '--- /dev/null',
      '+++ b/two.js',
      '@@ -0,0 +1 @@',
      '+only',
    ].join('\n');
    expect(addedBlocks(diff)).toEqual([
      { path: 'one.js', line: 4, text: 'new' },
      { path: 'one.js', line: 20, text: 'first\nsecond' },
      { path: 'two.js', line: 1, text: 'only' },
    ]);
  });

  it('may look like headers themselves', () => {
    const diff = '+++ b/a.md\n@@ -1,2 +1,3 @@\n--- gone\n+++ added\n+@@ -9 +9 @@\n same\n';
    expect(addedBlocks(diff)).toEqual([{ path: 'a.md', line: 1, text: '++ added\n@@ -9 +9 @@' }]);
  });

  it('of a diff that was cut off end where it ends', () => {
    expect(addedBlocks('+++ b/a.js\n@@ -1,9 +1,99 @@\n same\n+one\n+tw')).toEqual([
      { path: 'a.js', line: 2, text: 'one\ntw' },
    ]);
  });
});
