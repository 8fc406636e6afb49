import { describe, expect, it } from 'vitest';
import type { triggerTypes } from '../../domain/detection/verdict.ts';
import { findLessons, type LessonQuestion, type Remembered, remember } from '../../domain/lessons.ts';
import type { IncidentReport } from '../../domain/post-mortem.ts';
import type { Cause } from '../../domain/root-cause.ts';
import { wordsOf } from '../../domain/words.ts';
import { anIncident } from '../adapters/store/builders.ts';

interface Told {
  readonly cause?: Cause;
  readonly summary?: string;
  readonly reason?: string;
  readonly trigger?: (typeof triggerTypes)[number];
  readonly files?: readonly string[];
  readonly subject?: string;
  readonly logs?: readonly string[];
  readonly note?: string;
  readonly product?: string;
  readonly openedAtMs?: number;
}

function aMemory(id: string, told: Told): Remembered {
  const { cause = 'unknown', trigger = 'error_rate', product = 'shop', openedAtMs = 2_000 } = told;
  const incident = anIncident(id, {
    product,
    openedAtMs,
    reason: told.reason ?? 'errors 5.2/min, 10.4 × the baseline of 0.5/min',
    rootCause: cause,
    outcome: 'rolled_back',
    triggers: [
      {
        type: trigger,
        severity: 'critical',
        service: 'web',
        baseline: 1,
        current: 2,
        threshold: 1,
        reason: '',
        sinceMs: 0,
      },
    ],
    review: told.note === undefined ? null : { by: 'Ada', verdict: 'confirmed', note: told.note, atMs: 3 },
  });
  const files = (told.files ?? []).map((path) => ({ path, added: 3, removed: 1 }));
  const change = {
    id: 'c0ffee1',
    author: 'Ben',
    at: '2026-11-24T10:00:00Z',
    subject: told.subject ?? 'Change things',
    files,
  };
  const report = {
    root_cause_hypothesis: { cause, summary: told.summary ?? 'Unknown', confidence: 'high', evidence: [] },
    changes_deployed: [{ from: 'v1', to: 'v2', changes: [change], diff: '', problem: null }],
    logs_excerpt: told.logs ?? [],
  } as unknown as IncidentReport;
  return remember(incident, report);
}

const memory = [
  aMemory('n-plus-one', {
    cause: 'n_plus_one_query',
    summary: 'New code runs one query per item (N+1 query) in src/products.js:42',
    files: ['src/products.js', 'src/list.js'],
    subject: 'Show the stock beside each product',
    logs: ['Error: timeout acquiring a connection from the pool'],
    note: 'Load the stock of all products with one query; index on stock.product_id added',
  }),
  aMemory('listeners', {
    cause: 'listener_leak',
    trigger: 'memory',
    reason: 'memory 93 %, above 85 % for 3 samples',
    summary: 'An EventEmitter listener is added and never removed in src/live.js:10',
    files: ['src/live.js'],
    subject: 'Push prices to the page',
    logs: ['MaxListenersExceededWarning: Possible EventEmitter memory leak detected'],
    note: 'remove the listener when the socket closes',
  }),
  aMemory('cache', {
    cause: 'unbounded_growth',
    trigger: 'memory',
    reason: 'memory 88 %, above 85 %',
    summary: 'Something kept in memory grows without bound in src/session-cache.ts:7',
    files: ['src/session-cache.ts'],
    subject: 'Keep sessions in memory',
    logs: ['FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory'],
    note: 'LRU cache with 10,000 entries instead of a Map',
  }),
  aMemory('upstream', {
    cause: 'dependency_failure',
    reason: 'errors 44/min',
    summary: 'A dependency fails',
    logs: ['connect ECONNREFUSED payments:8443', 'upstream answered 502'],
    note: 'payments was down; nothing of ours. Circuit breaker added to src/payments/client.ts',
    product: 'billing',
  }),
  aMemory('crash', {
    cause: 'process_crash',
    trigger: 'health_check',
    reason: '4 failed checks in 5 minutes',
    summary: 'The process crashes',
    files: ['config/production.yml'],
    subject: 'Read the feature flags from the environment',
    logs: ['Uncaught TypeError: Cannot read properties of undefined (reading "flags")'],
  }),
  aMemory('slow', {
    trigger: 'performance',
    reason: 'p95 2,300 ms, 4.1 × the baseline',
    summary: 'Unknown: neither logs nor the 3 changes point to one cause',
    files: ['src/search/rank.ts'],
    subject: 'Rank results by popularity',
    note: 'the sort was quadratic',
  }),
  aMemory('pool', {
    cause: 'database_connections',
    trigger: 'database',
    reason: '14 connection errors in 2 minutes',
    summary: 'Database connections run out',
    files: ['src/db/pool.ts'],
    subject: 'Give every worker a pool of its own',
    logs: ['sorry, too many clients already'],
    note: 'pool of 5 instead of 50 per worker',
  }),
];

const asks = (question: Partial<LessonQuestion>) =>
  findLessons(memory, { words: '', limit: 10, ...question });
const first = (words: string) => asks({ words })[0]?.incident;

describe('what an agent asks of the past', () => {
  it.each([
    ['N+1 query', 'n-plus-one'],
    ['one query per item', 'n-plus-one'],
    ['products.js', 'n-plus-one'],
    ['has a timeout acquiring a connection from the pool happened before', 'n-plus-one'],
    ['EventEmitter leak', 'listeners'],
    ['MaxListenersExceededWarning', 'listeners'],
    ['JavaScript heap out of memory, what fixed it', 'cache'],
    ['session cache grows', 'cache'],
    ['OOM with sessions', 'cache'],
    ['502 from payments', 'upstream'],
    ['ECONNREFUSED', 'upstream'],
    ['uncaught TypeError undefined', 'crash'],
    ['feature flags', 'crash'],
    ['slow search results', 'slow'],
    ['quadratic sorting', 'slow'],
    ['too many clients', 'pool'],
    ['src/db/pool.ts', 'pool'],
    ['postgres connections run out', 'pool'],
  ])('"%s" finds %s first', (words, expected) => {
    expect(first(words)).toBe(expected);
  });

  it('is answered with the reason why it was found', () => {
    expect(asks({ words: 'products.js', cause: 'n_plus_one_query' })[0]?.why).toBe(
      'same cause (New code runs one query per item (N+1 query) in src/products.js:42); same file src/products.js; says products.js',
    );
  });

  it('is nothing where nobody said such a thing', () => {
    expect(asks({ words: 'kubernetes ingress certificate' })).toEqual([]);
    expect(asks({ words: 'memory', service: 'jobs' })).toEqual([]);
  });

  it('holds to the trigger, the cause and the service', () => {
    expect(asks({ trigger: 'memory' }).map(({ incident }) => incident)).toEqual(['listeners', 'cache']);
    expect(asks({ cause: 'process_crash' }).map(({ incident }) => incident)).toEqual(['crash']);
    expect(asks({ service: 'web' })).toHaveLength(memory.length);
  });
});

describe('the like of an incident', () => {
  const again = aMemory('again', {
    cause: 'n_plus_one_query',
    summary: 'New code runs one query per item (N+1 query) in src/orders.js:9',
    files: ['src/orders.js', 'src/products.js'],
    logs: ['Error: timeout acquiring a connection from the pool'],
  });

  it('is what has its cause and its files', () => {
    const [best] = findLessons([...memory, again], { words: '', like: 'again', limit: 3 });
    expect(best?.incident).toBe('n-plus-one');
    expect(best?.why).toMatch(
      /^same cause \(New code runs one query per item .*\); same file src\/products\.js; same trigger error_rate; says /,
    );
  });

  it('is never itself, and nothing where it is not known', () => {
    const found = findLessons([...memory, again], { words: '', like: 'again', limit: 10 });
    expect(found.map(({ incident }) => incident)).not.toContain('again');
    expect(findLessons(memory, { words: '', like: 'nobody', limit: 10 })).toEqual([]);
  });
});

describe('a lesson without a report', () => {
  it('is found by its reason', () => {
    const bare = remember(anIncident('bare', { reason: 'checkout broken, said the shop floor' }), null);
    const [found] = findLessons([...memory, bare], { words: 'checkout', limit: 1 });
    expect(found).toMatchObject({ incident: 'bare', cause: 'unknown', causeSummary: null, commits: [] });
  });
});

describe('words', () => {
  it('are whole identifiers and paths and their parts, in the singular, without figures', () => {
    expect(wordsOf('ConnectionPoolTimeout at src/db/pools.ts:42')).toEqual([
      'connectionpooltimeout',
      'connection',
      'pool',
      'timeout',
      'pools.ts',
      'src/db/pools.ts',
      'db',
      'database',
      'pool',
    ]);
    expect(wordsOf('errors 5.2/min, 502')).toEqual(['error', 'min', '5.2/min', '502']);
  });
});
