import { stripVTControlCharacters } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { drawOverview, drawProduct } from '../../../client/cli/live/draw.ts';
import { type Picture, phaseOf, type Status } from '../../../client/cli/live/picture.ts';
import { sparkline } from '../../../client/cli/live/sparkline.ts';
import { type Paint, paintFor, plainPaint } from '../../../client/cli/paint.ts';
import { afterwards, cleanUp, temporaryFolder } from '../../adapters/temporary.ts';
import { runCli } from '../run-cli.ts';
import { runInTerminal } from '../run-in-terminal.ts';
import { type StandIn, type StandInSetup, standInApi } from '../stand-in-api.ts';
import { aCurrent, anEntry, aService, aStatus, minuteMs, tenMs } from './pictures.ts';

afterEach(cleanUp);

const tagged: Paint = (style, text) => `<${String(style)}>${text}</>`;
const screen = { columns: 80, rows: 24, paint: plainPaint };

function aPicture(statuses: readonly Status[], over: Partial<Picture> = {}): Picture {
  const products = statuses.map((status) => ({ status, series: null }));
  return { nowMs: tenMs + 181 * minuteMs, products, trouble: null, ...over };
}

describe('a sparkline', () => {
  const draw = (values: readonly (number | null)[], threshold: number | null, paint = plainPaint) =>
    sparkline(
      values.map((value) => ({ value })),
      { threshold, width: 8, paint },
    );

  it.each<[values: (number | null)[], threshold: number | null, drawn: string]>([
    [[0, 1, 2, 3, 4, 5], 5, '  ▁▂▃▄▅▆'],
    [[5, 5.1, 10, 10.1], 5, '    ▆▇▇█'],
    [[0, 0, 0], null, '     ▁▁▁'],
    [[0, 0, 0], 0, '     ▁▁▁'],
    [[0, 0.1], 0, '      ▁█'],
    [[0, 50, 100], null, '     ▁▅█'],
    [[1, null, 1], 2, '     ▄·▄'],
    [[], 2, '        '],
    [[9, 9, 1, 2, 3, 4, 5, 6, 7, 8], 8, '▂▂▃▄▄▅▅▆'],
  ])('of %j, limit %s, is "%s"', (values, threshold, drawn) => expect(draw(values, threshold)).toBe(drawn));

  it('is red above the limit, and green below it', () => {
    expect(draw([1, 3], 2, tagged)).toBe('      <green>▄</><red>▇</>');
  });
});

describe('the phase of a product', () => {
  const rollback = { id: 'inc-1', deployment: 'build-412', sinceMs: tenMs, reason: null };
  const said = (sentence: string) => ({ lastCheck: { atMs: tenMs, sentence } });
  const pause = { untilMs: null, by: 'ana', reason: 'migration' };

  it.each<[over: Partial<Status>, word: string, mood: string, more: string | null]>([
    [{}, 'watching', 'good', null],
    [{ phase: 'baseline' }, 'taking the baseline', 'busy', null],
    [{ current: null, phase: 'idle' }, 'no deployment known', 'quiet', null],
    [
      { current: aCurrent({ status: 'waiting' }), phase: 'waiting' },
      'waiting for the rollback to end',
      'busy',
      null,
    ],
    [{ pause }, 'PAUSED', 'warning', null],
    [{ phase: 'blind', ...said('web: refused') }, 'BLIND', 'warning', 'web: refused'],
    [{ phase: 'suspect', ...said('p95 300 ms') }, 'suspect', 'warning', 'p95 300 ms'],
    [{ phase: 'breach', ...said('51 % failed'), pause }, 'BREACH', 'bad', '51 % failed'],
    [{ rollback: { ...rollback, phase: 'escalated' } }, 'NEEDS PEOPLE', 'bad', 'inc-1'],
    [{ rollback: { ...rollback, phase: 'a new one' } }, 'ROLLING BACK', 'bad', 'inc-1'],
    [{ rollback: { ...rollback, phase: null } }, 'ROLLING BACK', 'bad', 'inc-1: no worker answers'],
    [
      { rollback: { ...rollback, phase: 'restoring', reason: '51 % failed' } },
      'ROLLING BACK: restoring',
      'bad',
      'inc-1: 51 % failed',
    ],
    [
      {
        current: aCurrent({ outcome: 'needs_attention', outcomeReason: 'still sick' }),
        phase: 'needs_attention',
      },
      'NEEDS ATTENTION',
      'bad',
      'still sick',
    ],
    [
      { current: aCurrent({ outcome: 'rolled_back', outcomeReason: '51 %' }), phase: 'rolled_back' },
      'rolled back',
      'warning',
      '51 %',
    ],
  ])('%#: %j is %s', (over, word, mood, more) => {
    expect(phaseOf(aStatus(over))).toEqual({ word, mood, more });
  });
});

describe('the view of one product', () => {
  it('shows phase, time left, each signal against baseline and limit, way back and timeline', () => {
    const picture = aPicture([]);
    const products = [{ status: aStatus(), series: [aService({ latency: 300 })] }];
    expect(`\n${drawProduct({ ...picture, products }, { ...screen, rows: 18 })}\n`).toBe(`
shop  v2.5.0                                                        13:01:00 UTC
● watching
  build-412, since 10:00:00 UTC (3.02 h), 20 h 59 left  ━━━─────────────────────

web                baseline       now     limit
  errors, /min          0.5       0.6         2  ▂▃▃▂▂▂▂▂▃▂▂▂·▂▃▂▂▂▂▂▃▃▂▂▂▂▂▂▂▃
  latency p95, ms       180       300       270  ▄▅▅▄▄▄▄▅▅▅▄▄·▅▅▅▄▄▄▄▅▅▄▄▄▄▅▆▇▇
  memory, %              41        43        90  ▃▄▄▃▃▃▃▄▄▄▃▃·▄▄▄▃▃▃▃▄▄▃▃▃▃▃▃▃▃
  requests, /min       8900      9100         -  ▇██▇▆▅▆██▇▆▅·▇██▆▅▆▇██▇▅▅▆▅▆▆▇

Way back: v2.4.0, ready (looked at 12:50:00)
Last check 13:00:00, 60 s ago: 0.6 errors/min, 1.2 × v2.4.0 at this hour

Timeline (UTC)
  10:00:00  Deploy v2.5.0 to production
  10:05:00  Baseline of 5 min: 0.5 errors/min, p95 180 ms

▇█ above the limit   · not measured   q quits, the watch goes on
`);
  });

  it('says what is wrong first, and why', () => {
    const status = aStatus({
      pause: { untilMs: tenMs + 240 * minuteMs, by: 'ana', reason: 'migration' },
      floors: { web: { release: 'v2.5.0', by: 'ana', reason: 'drops a column', atMs: tenMs } },
      readiness: {
        deployment: 'build-412',
        atMs: tenMs,
        services: [
          { service: 'web', target: null, checks: [{ name: 'target', ok: false, detail: 'is gone' }] },
        ],
      },
      phase: 'breach',
      lastCheck: { atMs: tenMs, sentence: '51 % failed\nof 224' },
    });
    const lines = drawProduct(aPicture([status]), screen).split('\n');
    expect(lines.slice(1, 5)).toEqual([
      '✖ BREACH',
      '  51 % failed',
      '  build-412, since 10:00:00 UTC (3.02 h), 20 h 59 left  ━━━─────────────────────',
      '  automatic rollback paused by ana until 14:00:00: migration',
    ]);
    expect(lines).toContain('Rollback floor of web: v2.5.0');
    expect(lines.join('\n')).toContain('WAY BACK NOT READY (looked at 10:00:00): a rollback would not work');
  });

  it('leaves the last picture, and says how old it is, while the API does not answer', () => {
    const picture = aPicture([aStatus()], { trouble: 'old, since 13:00:00 UTC: the API does not answer' });
    const lines = drawProduct(picture, screen).split('\n');
    expect(lines[0]).toContain('shop  v2.5.0');
    expect(lines.at(-1)).toBe('old, since 13:00:00 UTC: the API does not answer');
  });

  it.each([
    [80, 24],
    [60, 10],
    [40, 6],
    [200, 60],
  ])('keeps to a terminal of %i columns and %i rows', (columns, rows) => {
    const status = aStatus({
      timeline: [...aStatus().timeline, anEntry(20, `Monitoring detects breach: ${'very '.repeat(60)}bad`)],
    });
    const products = [{ status, series: [aService({ errors: 50 })] }];
    const drawn = drawProduct(
      { ...aPicture([]), products },
      { columns, rows, paint: paintFor({ isTTY: true }, {}) },
    );
    const lines = stripVTControlCharacters(drawn).split('\n');
    expect(lines).toHaveLength(rows);
    for (const line of lines) expect([...line].length).toBeLessThanOrEqual(columns);
  });

  it('lets no text of others steer the terminal', () => {
    const evil = anEntry(20, 'Monitoring detects breach: \u001b]0;owned\u0007 \u001b[2J\u009b1m\r');
    const drawn = drawProduct(aPicture([aStatus({ timeline: [evil] })]), screen);
    expect(drawn.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
  });
});

describe('the view of all products', () => {
  it('shows first what needs people', () => {
    const statuses = [
      aStatus({ product: 'search' }),
      aStatus({ product: 'blog', environment: 'staging', pause: { untilMs: null, by: 'ana', reason: 'x' } }),
      aStatus({ product: 'new', current: null, phase: 'idle', endsAtMs: null }),
      aStatus({
        rollback: { id: 'inc-1', deployment: 'build-412', sinceMs: tenMs, phase: 'escalated', reason: null },
      }),
    ];
    expect(`\n${drawOverview(aPicture(statuses), { ...screen, rows: 9 })}\n`).toBe(`
orchestrator                                                        13:01:00 UTC

  PRODUCT         RELEASE         LEFT      STATE
✖ shop            v2.5.0          20 h 59   NEEDS PEOPLE: inc-1
▲ blog (staging)  v2.5.0          20 h 59   PAUSED
● search          v2.5.0          20 h 59   watching
● new                                       no deployment known

▇█ above the limit   · not measured   q quits, the watch goes on
`);
    expect(drawOverview(aPicture([]), screen)).toContain('No products are configured.');
  });
});

describe('colour', () => {
  it.each<[tty: boolean, env: NodeJS.ProcessEnv, isColoured: boolean]>([
    [true, {}, true],
    [false, {}, false],
    [true, { NO_COLOR: '1' }, false],
    [true, { NO_COLOR: '' }, true],
    [true, { TERM: 'dumb' }, false],
    [false, { FORCE_COLOR: '1' }, true],
    [true, { FORCE_COLOR: '0' }, false],
    [true, { FORCE_COLOR: '1', NO_COLOR: '1' }, false],
  ])('on a terminal: %s, with %j: %s', (isTTY, env, isColoured) => {
    expect(paintFor({ isTTY }, env)('red', 'x') !== 'x').toBe(isColoured);
  });
});

async function anApi(over: Partial<StandInSetup> = {}): Promise<StandIn> {
  const deployedAtMs = Date.now() - 60 * minuteMs;
  const endsAtMs = deployedAtMs + 24 * 60 * minuteMs;
  const statuses = [aStatus({ endsAtMs, current: aCurrent({ deployedAtMs }) })];
  const api = await standInApi({ statuses, series: [aService()], ...over });
  afterwards(() => api.close());
  return api;
}

const entered = '\u001b[?1049h\u001b[?25l';
const left = '\u001b[?25h\u001b[?1049l';

describe('status --watch on a terminal', () => {
  it('takes the screen, follows its size, and gives it back on q', async () => {
    const { env } = await anApi();
    const folder = await temporaryFolder();
    const steps = ['latency p95=>@60x20', 'q quits=>q'];
    const { code, said } = await runInTerminal(['status', 'shop', '--watch'], env, folder, steps);
    expect({ code, said }).toMatchObject({ code: 0 });
    const [before, rest] = said.split(entered);
    expect(before).toBe('');
    const [, after] = (rest as string).split(left);
    expect(after).toContain('shop: v2.5.0, watching');
    expect(said).toContain('\u001b[32m');
  });

  it('ends with 130 on Ctrl-C, without a colour where NO_COLOR is set, and without series where there are none', async () => {
    const { env } = await anApi({ series: null });
    const folder = await temporaryFolder();
    const watching = runInTerminal(['status', 'shop', '--watch'], { ...env, NO_COLOR: '1' }, folder, [
      'q quits=>\\x03',
    ]);
    const { code, said } = await watching;
    expect({ code, said }).toMatchObject({ code: 130 });
    expect(said).toContain(left);
    expect(said).toContain('Timeline (UTC)');
    expect(said).not.toContain('\u001b[32m');
  });

  it('ends with 4 when the deployment was rolled back', async () => {
    const api = await anApi();
    const folder = await temporaryFolder();
    const watching = runInTerminal(['status', 'shop', '--watch'], api.env, folder, []);
    setTimeout(() => {
      const ended = { status: 'ended', outcome: 'rolled_back', outcomeReason: '51 % failed' } as const;
      api.setup.statuses = [aStatus({ current: aCurrent(ended) })];
    }, 1_500);
    const { code, said } = await watching;
    expect({ code, said }).toMatchObject({ code: 4 });
    expect(said.split(left)[1]).toContain('build-412 ended: rolled_back (51 % failed)');
  });

  it('ends with 124 when the time is over', async () => {
    const { env } = await anApi();
    const folder = await temporaryFolder();
    const { code, said } = await runInTerminal(
      ['status', 'shop', '--watch', '--timeout', '1'],
      env,
      folder,
      [],
    );
    expect({ code, said }).toMatchObject({ code: 124 });
    expect(said.split(left)[1]).toContain('build-412 has not ended after 1 s');
  });

  it('shows every product without one', async () => {
    const { env } = await anApi({ statuses: [aStatus(), aStatus({ product: 'blog', current: null })] });
    const { code, said } = await runInTerminal(['status', '--watch'], env, await temporaryFolder(), [
      'no deployment known=>q',
    ]);
    expect({ code, said }).toMatchObject({ code: 0 });
    expect(said).toContain('PRODUCT');
  });
});

describe('status --watch where nobody looks', () => {
  it('is lines, and with --json one value a line of the timeline, also on a terminal', async () => {
    const ended = { status: 'ended', outcome: 'healthy', outcomeReason: 'watched for 24 h' } as const;
    const { env } = await anApi({ statuses: [aStatus({ current: aCurrent(ended) })] });
    const piped = await runCli(['status', 'shop', '--watch'], { ...env, FORCE_COLOR: '1' });
    expect(piped).toEqual({
      code: 0,
      stderr: '',
      stdout:
        '10:00:00 - Deploy v2.5.0 to production\n10:05:00 - Baseline of 5 min: 0.5 errors/min, p95 180 ms\nbuild-412 ended: healthy (watched for 24 h)\n',
    });
    const args = ['status', 'shop', '--watch', '--json'];
    const { code, said } = await runInTerminal(args, env, await temporaryFolder(), []);
    expect(code).toBe(0);
    expect(said).not.toContain('\u001b');
    expect(said).toContain('"outcome": "healthy"');
  });
});
