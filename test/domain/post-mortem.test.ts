import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type IncidentReport,
  impactOf,
  incidentDurationText,
  inline,
  minutes,
  movesText,
  reportMarkdown,
  reportSummary,
  snapshotOf,
} from '../../domain/post-mortem.ts';
import type { TimelineEntry } from '../../domain/timeline.ts';
import {
  aChange,
  aChangeSet,
  aFailingProbe,
  aHistogram,
  anIncident,
  aProbe,
  aSample,
  aTrigger,
  deployedAt,
  minute,
  samples,
  second,
} from './builders.ts';

const iso = (atMs: number) => new Date(atMs).toISOString();

function aReport(over: Partial<IncidentReport> = {}): IncidentReport {
  const incident = anIncident();
  return {
    incident: incident.id,
    product: 'shop',
    environment: 'production',
    deployment_id: incident.deployment,
    timestamp: iso(deployedAt + 20 * minute),
    reason: incident.reason,
    from: 'v2.5.0',
    to: 'v2.4.0',
    outcome: 'rolled_back',
    triggers: [aTrigger()],
    duration_minutes: 8,
    impact: { affected_users: 'unknown', error_count: 20, downtime_minutes: 3 },
    changes_deployed: [aChangeSet()],
    logs_excerpt: ['10:12 no connection became free'],
    logs_total: 1_234,
    logs_reference: '/var/log/shop.log',
    metrics_snapshot: [snapshotOf('web', aSample({ errors: 5, memoryPercent: 92.04 }), iso)],
    root_cause_hypothesis: {
      cause: 'n_plus_one_query',
      summary: 'One query per item',
      confidence: 'high',
      evidence: ['a log line'],
    },
    timeline: [],
    ...over,
  };
}

function anEntry(text: string): TimelineEntry {
  return {
    product: 'shop',
    environment: 'production',
    deployment: 'd',
    key: text,
    atMs: deployedAt,
    kind: 'step',
    text,
    incident: null,
  };
}

describe('the impact', () => {
  const before = samples([{ errors: 7, affectedUsers: 90 }], deployedAt + 10 * minute);
  const during = samples(
    [{ errors: 5 }, { errors: 6, affectedUsers: 3 }, { errors: 4, affectedUsers: 8 }],
    deployedAt + 11 * minute,
  );

  it('is what happened since the breach began', () => {
    expect(impactOf(anIncident(), [...before, ...during], deployedAt + 60 * minute)).toEqual({
      affected_users: 8,
      error_count: 15,
      downtime_minutes: 3,
    });
  });

  it('is unknown where nothing tells', () => {
    expect(impactOf(anIncident(), [], 0)).toMatchObject({
      affected_users: 'unknown',
      error_count: 'unknown',
    });
    expect(impactOf(anIncident(), samples([{}], deployedAt + 12 * minute), 0)).toMatchObject({
      affected_users: 'unknown',
      error_count: 0,
    });
  });

  it.each([
    ['never stopped', null, null, 0],
    ['stopped and resumed', 13, 16.04, 3.04],
    ['still stopped', 13, null, 47],
  ])('of traffic that was %s', (_, stopped, resumed, downtime) => {
    const at = (value: number | null) => (value === null ? null : deployedAt + value * minute);
    const incident = anIncident({ trafficStoppedAtMs: at(stopped), trafficResumedAtMs: at(resumed) });
    expect(impactOf(incident, [], deployedAt + 60 * minute).downtime_minutes).toBe(downtime);
  });
});

describe('a metrics snapshot', () => {
  it('speaks the specification’s words', () => {
    const sample = aSample({
      errors: 5,
      durationMs: 30 * second,
      memoryPercent: 92,
      cpuPercent: 31,
      latency: aHistogram({ 100: 95, 200: 5 }),
      probes: [aProbe(), aFailingProbe],
    });
    expect(snapshotOf('web', sample, iso)).toEqual({
      service: 'web',
      at: '2026-01-26T11:00:00.000Z',
      error_rate: 10,
      request_rate: 300,
      p95_latency_ms: 100,
      memory_usage_percent: 92,
      cpu_usage_percent: 31,
      failed_probes: 1,
    });
  });

  it('of no time has no rates, and what is unknown stays so', () => {
    expect(snapshotOf('web', aSample({ durationMs: 0, errors: 9 }), iso)).toMatchObject({
      error_rate: 0,
      request_rate: 0,
      p95_latency_ms: null,
      memory_usage_percent: null,
    });
  });
});

describe('minutes', () => {
  it.each([
    [0, 0],
    [-5_000, 0],
    [90_000, 1.5],
    [62_000, 1.03],
    [63_000, 1.05],
  ])('of %d ms are %d', (ms, expected) => {
    expect(minutes(ms)).toBe(expected);
  });
});

describe('the report', () => {
  it('tells everything a reader at nine in the morning needs', () => {
    const markdown = reportMarkdown(aReport(), [anEntry('Monitoring detects spike\nError rate: 5.2/min')]);
    expect(markdown.split('\n')).toEqual([
      '**shop** v2.5.0 → v2.4.0: rolled_back. error rate 5.2/min, 10.4 × the 0.5/min of v2.4.0',
      '',
      '| | |',
      '| --- | --- |',
      '| Duration | 8 min |',
      '| Downtime (maintenance) | 3 min |',
      '| Errors | 20 |',
      '| Affected users | unknown |',
      '',
      '## Triggers',
      '',
      '- **error_rate** (critical): error rate 5.2/min, 10.4 × the 0.5/min of v2.4.0',
      '',
      '## Root cause hypothesis',
      '',
      'One query per item _(confidence: high)_',
      '',
      '- a log line',
      '',
      '## Timeline (UTC)',
      '',
      '```',
      '10:00:00 - Monitoring detects spike',
      '      Error rate: 5.2/min',
      '```',
      '',
      '## Changes deployed',
      '',
      '- `a1b2c3d4e5` Give each product a page of its own (Jonas Feld): `src/products.js` (+17 −4)',
      '',
      '## Metrics (last 1 checks)',
      '',
      '| time | service | errors/min | requests/s | p95 ms | memory % | failed probes |',
      '| --- | --- | --- | --- | --- | --- | --- |',
      '| 2026-01-26T11:00:00.000Z | web | 5 | 150 | unknown | 92 | 0 |',
      '',
      '## Logs (first 1 of 1234 matching lines; /var/log/shop.log)',
      '',
      '```',
      '10:12 no connection became free',
      '```',
      '',
    ]);
  });

  it('says why there are no changes', () => {
    const changes_deployed = [aChangeSet({ problem: 'no *source*' }), aChangeSet({ changes: [] })];
    const markdown = reportMarkdown(aReport({ changes_deployed }), []);
    expect(markdown).toContain('- v2.4.0 → v2.5.0: no \\*source\\*\n- v2.4.0 → v2.5.0: no changes found\n');
  });

  it('lets nothing from outside become markup, a mention or the end of a fence', () => {
    const evil = 'x <img src=x> | @octocat `code`\n```\n# [owned](http://evil)';
    const markdown = reportMarkdown(
      aReport({
        reason: evil,
        triggers: [aTrigger({ reason: evil })],
        root_cause_hypothesis: { cause: 'unknown', summary: evil, confidence: 'none', evidence: [evil] },
        changes_deployed: [
          aChangeSet({
            changes: [
              aChange({ subject: evil, author: evil, files: [{ path: 'a`<b>`', added: 1, removed: 0 }] }),
            ],
          }),
          aChangeSet({ problem: evil }),
        ],
        logs_excerpt: evil.split('\n'),
        logs_reference: evil,
      }),
      [anEntry(evil)],
    );
    const [prose, fences] = splitFences(markdown);
    expect(fences).toHaveLength(2);
    expect(prose).not.toMatch(/(?<!\\)<img|@octocat|(?<!\\)\[owned|^# \[/m);
    expect(prose.match(/@\u200boctocat/g)).toHaveLength(8);
    expect(prose).toContain("`a'<b>'` (+1 −0)");
  });

  it('is summed up in one sentence', () => {
    expect(reportSummary(aReport())).toBe(
      'shop v2.5.0 → v2.4.0: rolled_back; downtime 3 min, 20 errors. Root cause (hypothesis): One query per item',
    );
  });
});

/** The text outside and inside of the fences, as a Markdown reader splits it. */
function splitFences(markdown: string): [string, string[]] {
  const parts = markdown.split(/^```$/m);
  return [parts.filter((_, i) => i % 2 === 0).join(''), parts.filter((_, i) => i % 2 === 1)];
}

describe('text within a line', () => {
  it.each([
    ['a <b> c', 'a \\<b\\> c'],
    ['a\\<b', 'a\\\\\\<b'],
    ['a|b', 'a\\|b'],
    ['[x](y)', '\\[x\\](y)'],
    ['*a* _b_ `c`', '\\*a\\* \\_b\\_ \\`c\\`'],
    ['one\r\n\ntwo', 'one two'],
    ['@ana a@b.c @ x', '@\u200bana a@\u200bb.c @ x'],
  ])('%j is written %j', (text, escaped) => {
    expect(inline(text)).toBe(escaped);
  });

  it('has no special character that is not escaped', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'\\<>|*_`[]@a\n') }), (text) => {
        const plain = inline(text).replace(/\\[\\<>|*_`[\]]/g, '·');
        expect(plain).not.toMatch(/[\\<>|*_`[\]\n]|@\w/);
      }),
      { seed: 1 },
    );
  });
});

describe('an incident in words', () => {
  it('says from where to where', () => {
    expect(movesText(anIncident())).toEqual({ from: 'v2.5.0', to: 'v2.4.0' });
    expect(movesText(anIncident({ to: [] }))).toEqual({ from: 'v2.5.0', to: 'nothing' });
  });

  it('says how long it took since the breach', () => {
    expect(incidentDurationText(anIncident(), deployedAt + 16 * minute)).toBe('4 min');
  });
});
