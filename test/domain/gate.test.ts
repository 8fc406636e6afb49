import { describe, expect, it } from 'vitest';
import { activeFreeze, type FreezeWindow, freezeEnd, parseMinuteOfWeek } from '../../domain/freeze-window.ts';
import { type GateQuestion, gate } from '../../domain/gate.ts';
import { defaultPolicy } from '../../domain/policy.ts';
import { newProductRow } from '../../domain/product-row.ts';
import {
  missingReadiness,
  type Readiness,
  type ReadinessCheck,
  readinessScore,
  readinessTarget,
} from '../../domain/readiness.ts';
import { aDeployment, deployedAt, hour } from './builders.ts';

const ok: ReadinessCheck = { name: 'deploy target', ok: true, detail: 'v4 is configured' };
const failing: ReadinessCheck = { name: 'traffic control', ok: false, detail: 'connection refused' };

const aReadiness = (checks: readonly ReadinessCheck[], target: string | null = 'v4'): Readiness => ({
  atMs: deployedAt,
  services: [{ service: 'web', target, checks }],
});

const aQuestion = (over: Partial<GateQuestion> = {}): GateQuestion => ({
  product: 'shop',
  services: [{ service: 'web', release: 'v5' }],
  row: { ...newProductRow, currentDeployment: 'deploy-v4' },
  standings: [],
  deployments: [aDeployment({ release: 'v4', deployedAtMs: deployedAt - hour, goodMs: hour })],
  policy: defaultPolicy,
  readiness: aReadiness([ok]),
  atMs: deployedAt,
  isoTime: (ms) => new Date(ms).toISOString(),
  ...over,
});

/** What keeps the gate shut, and the way past it. */
function refusals(over: Partial<GateQuestion>) {
  const { open, findings } = gate(aQuestion(over));
  const refused = findings.filter(({ kind }) => kind === 'refused');
  expect(open).toBe(refused.length === 0);
  for (const { wayPast } of refused) expect(wayPast).not.toBeNull();
  return refused;
}

describe('the gate', () => {
  it('is open when nothing speaks against it, and says what it looked at', () => {
    const { open, findings } = gate(aQuestion());
    expect(open).toBe(true);
    expect(findings.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      'passed release',
      'passed rollback',
      'passed way back',
      'passed automatic rollback',
    ]);
  });

  it.for(['quarantined', 'held'] as const)('refuses a release that is %s', (standing) => {
    const found = {
      service: 'web',
      release: 'v5',
      standing,
      author: 'ana',
      reason: 'errors × 10',
      atMs: deployedAt,
    };
    expect(refusals({ standings: [found] })).toMatchObject([
      {
        reason: `v5 of web is ${standing} by ana: errors × 10`,
        wayPast: expect.stringContaining('orchestrator release shop v5 --good "why" --service web'),
      },
    ]);
    expect(refusals({ standings: [{ ...found, standing: 'good' }] })).toEqual([]);
    expect(refusals({ standings: [found], services: [] })).toEqual([]);
  });

  it('refuses a release below the rollback floor', () => {
    const floor = { release: 'v4', by: 'ana', reason: 'drops a column', atMs: deployedAt };
    const older = aDeployment({ release: 'v3', deployedAtMs: deployedAt - 2 * hour });
    const question = aQuestion();
    expect(
      refusals({
        services: [{ service: 'web', release: 'v3' }],
        deployments: [...question.deployments, older],
        row: { ...question.row, floors: { web: floor } },
      }),
    ).toMatchObject([
      { name: 'rollback floor', reason: expect.stringContaining('v3 of web is below the rollback floor v4') },
    ]);
  });

  it('refuses while a rollback is under way, by hand or not', () => {
    const rollback = { id: 'inc-1', deployment: 'deploy-v4', sinceMs: deployedAt };
    const row = { ...newProductRow, rollback };
    expect(refusals({ row })).toMatchObject([
      { reason: 'rollback inc-1 of deploy-v4 is under way', wayPast: expect.stringContaining('--override') },
    ]);
    expect(refusals({ row: { ...row, rollback: { ...rollback, id: 'direct/1' } } })).toMatchObject([
      { wayPast: expect.stringContaining('orchestrator resolve shop') },
    ]);
  });

  it('refuses while a freeze window is on, and says until when', () => {
    const freeze: FreezeWindow = {
      kind: 'once',
      reason: 'Black Friday',
      fromMs: deployedAt - hour,
      untilMs: deployedAt + hour,
    };
    const [found] = refusals({ policy: { ...defaultPolicy, freezeWindows: [freeze] } });
    expect(found?.reason).toBe(
      `Black Friday: nothing is deployed until ${new Date(deployedAt + hour).toISOString()}`,
    );
    expect(refusals({ policy: { ...defaultPolicy, freezeWindows: [freeze] }, atMs: freeze.untilMs })).toEqual(
      [],
    );
  });

  it('refuses when a rollback would not work, or nobody could look', () => {
    expect(refusals({ readiness: aReadiness([ok, failing]) })).toMatchObject([
      {
        reason: 'a rollback would not work (readiness 50 %): web, traffic control: connection refused',
        wayPast: expect.stringContaining('--override'),
      },
    ]);
    expect(refusals({ readiness: 'a worker did not answer within 25000 ms' })).toMatchObject([
      { reason: expect.stringContaining('nobody could look') },
    ]);
  });

  it('lets the first deployment of a product through, with a warning', () => {
    const readiness = aReadiness([
      { name: 'last known good', ok: false, detail: 'no other release is known' },
    ]);
    const { open, findings } = gate(aQuestion({ deployments: [], readiness }));
    expect(open).toBe(true);
    expect(findings.find(({ kind }) => kind === 'warning')?.reason).toContain('It is the first deployment');
  });

  it('warns of what keeps a bad release from being rolled back by itself', () => {
    const warnings = (over: Partial<GateQuestion>) =>
      gate(aQuestion(over)).findings.flatMap(({ kind, reason }) => (kind === 'warning' ? [reason] : []));
    const pause = { untilMs: null, by: 'ben', reason: 'load test' };
    expect(warnings({ row: { ...newProductRow, pause } })).toEqual([
      'automatic rollback is paused by ben until resumed (load test): orchestrator resume shop',
    ]);
    expect(
      warnings({ row: { ...newProductRow, pause: { ...pause, untilMs: deployedAt + hour } } })[0],
    ).toContain(`until ${new Date(deployedAt + hour).toISOString()}`);
    expect(warnings({ policy: { ...defaultPolicy, enabled: false } })).toEqual([
      'is switched off (enabled: false)',
    ]);
    expect(warnings({ policy: { ...defaultPolicy, mode: 'observe' } })).toEqual([
      'only observes (mode: observe)',
    ]);
  });
});

describe('a freeze window', () => {
  const weekly = (from: string, until: string, timeZone = 'UTC'): FreezeWindow => ({
    kind: 'weekly',
    reason: 'weekend',
    fromMinute: parseMinuteOfWeek(from) as number,
    untilMinute: parseMinuteOfWeek(until) as number,
    timeZone,
  });
  const isOn = (window: FreezeWindow, time: string) => activeFreeze([window], Date.parse(time)) !== null;

  it.for([
    ['2026-11-27T15:59:00Z', false],
    ['2026-11-27T16:00:00Z', true],
    ['2026-11-29T23:59:00Z', true],
    ['2026-11-30T07:59:00Z', true],
    ['2026-11-30T08:00:00Z', false],
    ['2026-11-25T12:00:00Z', false],
  ] as const)('from Fri 16:00 until Mon 08:00: at %s it is on: %s', ([time, on]) => {
    expect(isOn(weekly('Fri 16:00', 'Mon 08:00'), time)).toBe(on);
  });

  it('goes by local time, in summer and in winter', () => {
    const berlin = weekly('Fri 16:00', 'Fri 20:00', 'Europe/Berlin');
    expect(isOn(berlin, '2026-07-03T14:00:00Z')).toBe(true);
    expect(isOn(berlin, '2026-07-03T13:59:00Z')).toBe(false);
    expect(isOn(berlin, '2026-11-27T14:59:00Z')).toBe(false);
    expect(isOn(berlin, '2026-11-27T15:00:00Z')).toBe(true);
  });

  it('says until when, as it was written', () => {
    const isoTime = (ms: number) => new Date(ms).toISOString();
    expect(freezeEnd(weekly('Fri 16:00', 'Mon 08:05', 'Europe/Berlin'), isoTime)).toBe(
      'until Mon 08:05 (Europe/Berlin)',
    );
  });

  it('is refused where it is not written as it should be', () => {
    for (const text of ['Fri 24:00', 'fri 16:00', 'Friday', '16:00', 'Fri 7:00'])
      expect(parseMinuteOfWeek(text), text).toBeNull();
    expect(parseMinuteOfWeek('Sun 23:59')).toBe(7 * 24 * 60 - 1);
  });
});

describe('readiness', () => {
  it('is the share of checks that pass, and names those that fail', () => {
    const readiness = aReadiness([ok, ok, failing]);
    expect(readinessScore(readiness)).toBe(66);
    expect(missingReadiness(readiness)).toMatch(
      /^a rollback would not work \(readiness 66 %\): web, traffic/,
    );
    expect(missingReadiness(aReadiness([ok]))).toBeNull();
    expect(missingReadiness({ atMs: 0, services: [] })).toMatch(/no service was looked at/);
    expect(readinessScore({ atMs: 0, services: [] })).toBe(0);
  });

  it('names what would be put back', () => {
    const two = [
      { service: 'web', target: 'v4', checks: [ok] },
      { service: 'jobs', target: null, checks: [failing] },
    ];
    expect(readinessTarget(aReadiness([ok]))).toBe('v4');
    expect(readinessTarget({ atMs: 0, services: two })).toBe('web v4');
    expect(readinessTarget(aReadiness([failing], null))).toBe('nothing');
  });
});
