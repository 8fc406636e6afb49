import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { Random } from '../../bench/detection/random.ts';
import { makeTrace } from '../../bench/detection/traffic.ts';
import { traceText } from '../../bench/detection/write-traces.ts';
import { caseChart } from '../../client/backtest/case-chart.ts';
import { expectedDelay } from '../../client/backtest/expected-delay.ts';
import { decide, traceSeries } from '../../client/backtest/judge-trace.ts';
import { type Label, scoreLabels } from '../../client/backtest/labels.ts';
import { parseTrace } from '../../client/backtest/read-trace.ts';
import { firstDecision, replay } from '../../client/backtest/replay.ts';
import {
  delaySentence,
  gainSentence,
  knowledgeOf,
  knowledgeText,
} from '../../client/backtest/service-knowledge.ts';
import { terminalPlot } from '../../client/backtest/terminal-plot.ts';
import { type Calibration, calibrate } from '../../domain/detection/calibration.ts';
import { errorEvidence } from '../../domain/detection/habits/errors.ts';
import { habitsOfReference } from '../../domain/detection/habits/habits.ts';
import { defaultPolicy } from '../../domain/policy.ts';
import { aPolicy, aSample, minute } from '../domain/builders.ts';

const labelled = new URL('../../../shared/data/detection/traces/', import.meta.url);
const head = 't,req,err,p95_ms,mem_pct,db_err,hc_fail,peer_req,peer_err,peer_p95_ms';

describe('a trace file', () => {
  it('may lack the neighbours, the history, single rows, and data', () => {
    const trace = parseTrace(
      't,req,err,p95_ms,mem_pct,db_err,hc_fail\r\n0,10,1,,40,,0\r\n2,11,0,80,,,\r\n',
      'a',
    );
    expect(Array.from(trace.requests.slice(1439, 1443))).toEqual([Number.NaN, 10, Number.NaN, 11]);
    expect(trace.p95Ms[1440]).toBeNaN();
    expect(trace.p95Ms[1442]).toBe(80);
    expect(trace.peerRequests.every(Number.isNaN)).toBe(true);
    expect(decide(trace)).toBeNull();
  });

  it.each([
    ['', /^a.csv:1: there is no column t and no column req and no column err; found "", allowed are t,req,/],
    [
      `${head.replace('p95_ms', 'p95')}\n`,
      /^a.csv:1: unknown column "p95"; found .* allowed are t,req,err,p95_ms/,
    ],
    [`${head},req\n`, /^a.csv:1: the column req is there twice/],
    [`${head}\n0,1,1\n`, /^a.csv:2: found 3 cells, allowed are 10/],
    [`${head}\n0,1,x,,,,,,,\n`, /^a.csv:2: column err: found "x", allowed is a number from 0, or nothing/],
    [`${head}\n0,-1,0,,,,,,,\n`, /^a.csv:2: column req: found "-1"/],
    [`${head}\n0, ,0,,,,,,,\n`, /^a.csv:2: column req: found " "/],
    [`${head}\n0,1,Infinity,,,,,,,\n`, /^a.csv:2: column err: found "Infinity"/],
    [
      `${head}\n\n1.5,1,0,,,,,,,\n`,
      /^a.csv:3: column t: found "1.5", allowed is a whole number from -1440 to 1439/,
    ],
    [`${head}\n1440,1,0,,,,,,,\n`, /^a.csv:2: column t: found "1440"/],
    [`${head}\n,1,0,,,,,,,\n`, /^a.csv:2: column t: found ""/],
    [`${head}\n3,1,0,,,,,,,\n3,1,0,,,,,,,\n`, /^a.csv:3: column t: found "3", allowed is each minute once/],
  ])('%j is refused with file, line and column', (text, said) => {
    expect(() => parseTrace(text, 'a.csv')).toThrow(said);
  });
});

const whole = await futures();

describe('the judge over a trace', () => {
  it.each(whole)('does not know the future of %s', (_, text) => {
    const decision = decide(parseTrace(text, 'whole'));
    const end = decision?.minute ?? 700;
    expect(decide(parseTrace(until(text, end), 'cut'))).toEqual(decision);
    if (decision !== null) expect(decide(parseTrace(until(text, end - 1), 'cut'))).toBeNull();
  });

  it('compares with the minutes before the deployment where the history is too short to learn from', () => {
    const { trace } = makeTrace(new Random('short'), {
      noise: 'poisson',
      requestsPerMinute: 1_000,
      regression: { what: 'err_x10', onset: 'immediate' },
    });
    const rows = (from: number) => {
      const lines = traceText(trace).split('\n');
      return parseTrace([lines[0], ...lines.slice(1 + 1440 + from)].join('\n'), 'short');
    };
    expect(decide(rows(-59))?.reason).toContain('of the minutes before the deployment');
    expect(decide(rows(-60))?.reason).toContain('of the day before at this hour');
    expect(decide(rows(0))?.reason ?? 'none').not.toContain('before');
  });

  it('does not act on a trigger that is on trial', () => {
    const { trace } = makeTrace(new Random('outage'), {
      noise: 'poisson',
      requestsPerMinute: 1_000,
      regression: { what: 'err_x10', onset: 'immediate' },
    });
    const dryRun = aPolicy({ triggers: { errorRate: { dryRun: true } } });
    expect(decide(trace)?.trigger).toBe('error_rate');
    expect(decide(trace, dryRun)?.trigger).not.toBe('error_rate');
  });

  it('counts health checks, and nothing else, of a check without counts', () => {
    const past = { minutes: [], starts: [], label: 'before' };
    const context = { policy: aPolicy(), deployedAtMs: 0, calibration: null, references: [], past };
    const checks = Array.from({ length: 8 }, (_, i) => {
      const atMs = (10 + i) * minute;
      const sample = aSample({ atMs, requests: 0, durationMs: 0, healthChecks: { failed: 6, all: 6 } });
      return { kind: 'blind' as const, sample, peers: null };
    });
    const decision = firstDecision(replay(checks, context), context);
    expect(decision).toMatchObject({ trigger: 'health_check', minute: 11 });
  });
});

describe('charts', () => {
  const { trace } = makeTrace(new Random('chart'), {
    noise: 'burst',
    requestsPerMinute: 200,
    regression: { what: 'err_x10', onset: 'delayed' },
  });
  const series = traceSeries(trace, defaultPolicy);

  it('draw the decision, in the light and in the dark', () => {
    const svg = caseChart('a<b', series);
    expect(series.decision).toEqual(decide(trace));
    expect(svg.match(/class="decided"/g)).toHaveLength(3);
    expect(svg).toContain(`rolled back, minute ${series.decision?.minute}`);
    expect(svg).toContain('prefers-color-scheme:dark');
    expect(svg).toContain('a&#60;b');
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    expect(svg.match(/<path class="(seen|usual|allowed)"/g)).toHaveLength(8);
  });

  it('fit a terminal', () => {
    const lines = terminalPlot(series).split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(lines.join('\n')).toContain(`▲ minute ${series.decision?.minute}`);
  });

  it('stay calm about no data', () => {
    expect(terminalPlot({ points: [], decision: null })).toContain('0 min');
    expect(caseChart('none', { points: [], decision: null })).not.toMatch(/NaN|Infinity/);
  });
});

it('counts as the score of the labelled traces does', () => {
  const label = (id: string, more: Partial<Label> = {}): Label => ({
    id,
    scenario: 's',
    kind: 'regression',
    mean_rpm: 1,
    onset_min: 10,
    detectable: true,
    ...more,
  });
  const healthy = { kind: 'null', onset_min: null } as const;
  const labels = [
    label('n1', healthy),
    label('n2', healthy),
    label('n3', { ...healthy, ambiguous: true }),
    label('r1'),
    label('r2'),
    label('r3'),
    label('r4'),
    label('r5', { detectable: false }),
    label('r6', { borderline: true }),
  ];
  const minutes = { n1: 5, n2: null, n3: 5, r1: 10, r2: 13, r3: 9, r5: 11, r6: 11 };
  expect(scoreLabels(labels, minutes)).toEqual({
    nulls: 2,
    falseRollbacks: 1,
    regressions: 4,
    early: 1,
    recall: 0.5,
    medianDelay: 1.5,
    p90Delay: 3,
  });
  expect(scoreLabels([], {})).toMatchObject({ recall: 0, medianDelay: null, p90Delay: null });
});

describe('the expected delay', () => {
  const nowMs = Date.UTC(2026, 0, 26, 10);

  it.each([
    [200, 0.01, 10],
    [200, 0.01, 5],
    [200, 0.01, 3],
    [1_000, 0.002, 3],
    [1_000, 0.01, 3],
    [5_000, 0.01, 5],
    [5_000, 0.0005, 3],
  ])(
    'hours later, at %d requests/min of which %d fail, is what the paths ask for: x%d',
    (rpm, share, times) => {
      const calibration = aCalibration(rpm, share);
      const delay = expectedDelay(calibration, defaultPolicy, {
        effect: { what: 'errors', times },
        onset: 'later',
        nowMs,
      });
      const byHand = minutesByPaths(calibration, rpm * share, times, share);
      expect(Math.abs((delay ?? Number.NaN) - byHand)).toBeLessThanOrEqual(1);
    },
  );

  it('is shorter for stronger effects, with the deployment, and with more history', () => {
    const [little, much] = [aCalibration(500, 0.01, 0.1), aCalibration(500, 0.01, 3)];
    const ask = (calibration: Calibration, times: number, onset: 'at_deployment' | 'later') =>
      expectedDelay(calibration, defaultPolicy, { effect: { what: 'errors', times }, onset, nowMs }) ?? 999;
    expect(ask(much, 10, 'at_deployment')).toBeLessThan(ask(much, 3, 'at_deployment'));
    expect(ask(much, 10, 'at_deployment')).toBeLessThan(ask(much, 10, 'later'));
    expect(ask(much, 3, 'at_deployment')).toBeLessThan(ask(little, 3, 'at_deployment'));
  });

  it('is none where the effect is too weak or there is hardly any traffic', () => {
    const ask = (calibration: Calibration, effect: { what: 'errors' | 'latency'; times: number }) =>
      expectedDelay(calibration, defaultPolicy, { effect, onset: 'later', nowMs });
    expect(ask(aCalibration(500, 0.01), { what: 'errors', times: 1.5 })).toBeNull();
    expect(ask(aCalibration(2, 0.001), { what: 'errors', times: 3 })).toBeNull();
    expect(ask(aCalibration(500, 0.01), { what: 'latency', times: 1.2 })).toBeNull();
    expect(ask(aCalibration(500, 0.01), { what: 'latency', times: 2 })).toBeGreaterThan(3);
  });

  it('is said in one sentence, with advice where more history would help', () => {
    const tripling = { what: 'errors', times: 3, onset: 'at_deployment', minutes: 14 } as const;
    expect(delaySentence(tripling, 33)).toBe(
      "with this service's habits a tripling of errors is seen after 14 min when it begins with the deployment, after 33 min when it begins hours later",
    );
    expect(delaySentence({ ...tripling, times: 5, minutes: null }, null)).toContain(
      'a rise to 5 × of errors is seen not within 4 h',
    );
    const question = { service: 'web', policy: defaultPolicy, nowMs };
    const few = knowledgeOf({
      ...question,
      checks: { found: 40, needed: 180 },
      calibration: aCalibration(500, 0.01, 0),
    });
    expect(few.advice[0]).toContain('nothing was learned yet: 40 of 180 checks');
    expect(few.advice[1]).toMatch(
      /^(a day|3 days) of history like this would shorten the delay by \d+ %: a tripling of errors with the deployment would be seen after \d+ min instead of \d+$/,
    );
    expect(knowledgeText(few)).toContain('usual at this hour: 5 errors/min, 1 % of 500 requests/min');
    expect(gainSentence(3, 'later', 40, 20)).toContain('3 days of history like this would halve the delay');
    expect(gainSentence(1, 'later', 40, 36)).toBeNull();
    expect(gainSentence(1, 'later', null, 36)).toBeNull();
    const none = knowledgeOf({ ...question, checks: { found: 0, needed: 180 }, calibration: null });
    expect(knowledgeText(none)).toBe(
      'web: no days of history\n  nothing was learned yet: 0 of 180 checks; until then a reference stands for its habits',
    );
  });
});

/** A service that is the same at every hour. */
function aCalibration(requestsPerMinute: number, errorShare: number, days = 1): Calibration {
  const durationMs = 1_440 * minute;
  const reference = {
    label: 'v1',
    requests: requestsPerMinute * 1_440,
    errors: 0,
    durationMs,
    latencyMs: 100,
  };
  const habits = habitsOfReference(reference, 0);
  return calibrate({ ...habits, days, errors: { ...habits.errors, share: [errorShare] } }, defaultPolicy);
}

/** Of the paths for late starts the quickest: its bad minutes, or its evidence over that of one minute. */
function minutesByPaths({ errorPaths, habits }: Calibration, usual: number, times: number, share: number) {
  const { dispersion, slowDispersion } = habits.errors;
  const minutes = errorPaths
    .filter(({ latestStart }) => latestStart > 1_440)
    .filter(({ leastRatio, leastShare }) => times >= leastRatio && times * share >= leastShare)
    .map((path) => {
      const spread = path.slowness > 0 ? slowDispersion : dispersion;
      const drift = errorEvidence(times * usual, usual, path.effect, spread);
      return drift > 0 ? Math.max(path.badMinutes, path.evidence / drift) : Number.POSITIVE_INFINITY;
    });
  return Math.ceil(Math.min(...minutes) - 1e-9);
}

/** Labelled traces where they are, else drawn ones. */
async function futures(): Promise<[id: string, text: string][]> {
  if (!existsSync(labelled)) {
    const options = { noise: 'burst', requestsPerMinute: 500 } as const;
    return ['err_x3', 'lat_x2', 'partial10'].map((what) => [
      what,
      traceText(
        makeTrace(new Random(what), {
          ...options,
          regression: { what: what as 'err_x3', onset: 'delayed' },
        }).trace,
      ),
    ]);
  }
  const ids = ['dev-0005', 'dev-0030', 'dev-0044', 'dev-0060', 'dev-0120', 'dev-0231'];
  return Promise.all(
    ids.map(async (id): Promise<[string, string]> => {
      const packed = await readFile(new URL(`${id}.csv.gz`, labelled));
      return [id, gunzipSync(packed).toString('utf8')];
    }),
  );
}

/** Without the rows after minute `t`. */
function until(text: string, t: number): string {
  const lines = text.split('\n');
  return lines.filter((line, i) => i === 0 || Number(line.split(',')[0]) <= t).join('\n');
}
