import { readFile, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { calibrate, effectSizes } from '../../../../domain/detection/calibration.ts';
import { learnHabits } from '../../../../domain/detection/habits/habits.ts';
import { triggerTypes } from '../../../../domain/detection/verdict.ts';
import type { Histogram } from '../../../../domain/histogram.ts';
import type { Part } from '../../../../domain/sample.ts';
import { clockTime } from '../../../../domain/timeline.ts';
import { aPolicy, aReference, deployedAt, minute } from '../../builders.ts';
import {
  aService,
  type Change,
  type Court,
  calibrationOf,
  changed,
  checksOf,
  healthTicks,
  historyOf,
  judging,
  type Life,
  type Step,
} from '../streams.ts';

const file = new URL('explanations.md', import.meta.url);
const shop = aService({ peers: true });
const label = 'v2.4.0 at this hour';

interface Case {
  readonly title: string;
  readonly steps: Iterable<Step>;
}

function aCase(title: string, life: Life, minutes: number, court: Court = {}): Case {
  const known = calibrationOf(life);
  const calibration = { ...known, habits: { ...known.habits, label } };
  return { title, steps: judging(checksOf(life, minutes), { calibration, ...court }) };
}

const shopWith = (title: string, change: Change, minutes = 400, court: Court = {}) =>
  aCase(title, changed(shop, change), minutes, court);
const during =
  (from: number, end: number, change: Change): Change =>
  (row, at) =>
    at >= from && at < end ? change(row, at) : {};
const quiet = new Set<string>();

/** A service of which the source tells more: endpoints, and buckets of latency. */
interface Detail {
  readonly parts: readonly Part[];
  readonly latency: Histogram;
}

/** `/pay` has one request in two hundred; the 95th percentile is about 320 ms. */
function detailOf({ payErrors = 0, timeouts = 0 } = {}): Detail {
  const parts = (['/', '/search', '/pay'] as const).map((name, i): Part => {
    const requests = [477, 120, 3][i] ?? 0;
    return { by: 'endpoint', name, requests, errors: [2, 1, payErrors][i] ?? 0 };
  });
  const counts = [120, 240, 198, 30, 7, 5, timeouts, 0];
  return { parts, latency: { boundsMs: [50, 100, 250, 500, 1_000, 2_500, 5_000], counts } };
}

function aDetailedCase(title: string, detail: Detail, minutes: number): Case {
  const policy = aPolicy();
  const usual = detailOf();
  const history = historyOf(shop).map((check) => ({
    ...check,
    parts: usual.parts,
    histogram: usual.latency,
  }));
  const calibration = calibrate(learnHabits(history, effectSizes(policy), label), policy);
  const checks = checksOf(shop, minutes).map(({ sample, peers }) => ({
    sample: {
      ...sample,
      ...detail,
      latencyQuantileMs: null,
      errors: sample.errors + (detail.parts[2]?.errors ?? 0),
    },
    peers,
  }));
  return { title, steps: judging(checks, { calibration }) };
}

const cases: Case[] = [
  shopWith('A healthy release', () => ({}), 120),
  shopWith('Ten times the errors from the first minute on', (row) => ({ errors: row.errors * 10 })),
  shopWith('Half of the requests fail', (row) => ({ errors: row.requests >> 1 })),
  shopWith('Worse minute by minute', (row, at) => ({ errors: Math.round(row.errors * (1 + at / 15)) })),
  shopWith('Six times the errors, five hours later', (row, at) => ({
    errors: row.errors * (at < 300 ? 1 : 6),
  })),
  aCase(
    'A service without an error meets its first ones',
    changed(aService({ share: 0 }), () => ({ errors: 12 })),
    60,
  ),
  aCase(
    'A service that hardly anybody uses',
    changed(aService({ requests: 10 }), (row, at) => ({
      errors: Math.min(row.requests, at % 3 === 0 ? 2 : 0),
    })),
    400,
  ),
  shopWith('A release without a history', (row) => ({ errors: row.errors * 8 }), 120, {
    calibration: null,
    references: [aReference({ requests: 600 * 1_440, errors: 3 * 1_440 })],
  }),
  shopWith('Nothing to compare with', (row) => ({ errors: row.errors * 8 }), 5, { calibration: null }),
  aDetailedCase('One endpoint of many fails', detailOf({ payErrors: 2 }), 60),
  aDetailedCase('Some requests time out', detailOf({ timeouts: 9 }), 60),
  shopWith('Twice as slow', (row) => ({ latencyMs: (row.latencyMs ?? 0) * 2 })),
  shopWith(
    'The neighbours are sick, too',
    during(60, 80, (row) => ({
      errors: row.errors * 10,
      latencyMs: (row.latencyMs ?? 0) * 3,
      dbConnectionErrors: 20,
      peers: row.peers && { ...row.peers, errors: row.peers.errors * 10 },
    })),
    100,
  ),
  shopWith(
    'One client misbehaves',
    during(60, 80, (row) => ({ requests: row.requests + 160, errors: row.errors + 150 })),
    100,
  ),
  shopWith(
    'A crowd',
    during(60, 80, (row) => ({
      requests: row.requests * 4,
      errors: row.errors * 14,
      latencyMs: (row.latencyMs ?? 0) * 2,
    })),
    100,
  ),
  shopWith('A memory leak', (row, at) => ({ memoryPercent: (row.memoryPercent ?? 0) + at / 12 })),
  shopWith('Memory is full', (_, at) => ({ memoryPercent: at < 60 ? 60 : 93 })),
  aCase('Memory was always full', aService({ memory: () => 93 }), 20),
  shopWith('The connection pool is exhausted', (_, at) => ({ dbConnectionErrors: at < 60 ? 0 : 15 })),
  aCase('A noisy database', aService({ dbConnectionErrors: 12 }), 20),
  {
    title: 'The service never comes up',
    steps: judging(
      healthTicks(() => true, 300),
      { calibration: calibrationOf(shop) },
    ),
  },
  {
    title: 'A restart',
    steps: judging(
      healthTicks((second) => second >= 300 && second < 360, 600),
      { calibration: calibrationOf(shop) },
    ),
  },
];

it('every explanation reads as it was reviewed; UPDATE=1 writes them anew', async () => {
  const text = [
    '# What the judge says',
    '',
    'Every line is a change of mind, as a person reads it in an alert; a case ends with its breach. Written by',
    '`UPDATE=1 npx vitest run --config test/vitest.config.ts test/domain/detection/explanations`: read the difference.',
    ...cases.flatMap(({ title, steps }) => ['', `## ${title}`, '', ...told(steps)]),
    '',
  ].join('\n');
  if (process.env.UPDATE) await writeFile(file, text);
  expect(text).toBe(await readFile(file, 'utf8'));
});

/** What each trigger says first, and whenever it changes its mind. */
function told(steps: Iterable<Step>): string[] {
  const lines: string[] = [];
  const states = new Map<string, string>();
  for (const { at, verdicts, state } of steps) {
    const atMs = (state.window.partial ?? state.window.regular.at(-1))?.atMs ?? deployedAt + at * minute;
    for (const trigger of triggerTypes) {
      const verdict = verdicts[trigger];
      if (verdict === undefined || verdict.state === states.get(trigger)) continue;
      const dull = verdict.state === 'healthy' || verdict.state === 'off';
      // Once is enough: the first case says what every healthy trigger says.
      if (!states.has(trigger) && dull && quiet.has(trigger) && !/before this release/.test(verdict.reason)) {
        states.set(trigger, verdict.state);
        continue;
      }
      if (dull) quiet.add(trigger);
      states.set(trigger, verdict.state);
      lines.push(`- ${clockTime(atMs)} ${trigger}, ${verdict.state}: ${verdict.reason}`);
      if (verdict.state === 'breach') return lines;
    }
  }
  return lines.length > 0 ? lines : ['- nothing'];
}
