import { incidentKinds } from './incidents.ts';
import { Random } from './random.ts';
import { type OnsetKind, type RegressionKind, regressionKinds } from './regressions.ts';
import { makeShape, shapes } from './shapes.ts';
import { type LabelledTrace, makeTrace, type TrafficOptions } from './traffic.ts';
import type { Noise } from './traffic-model.ts';

/** How a cell's traces are told: false rollbacks, recall and delay, or hours before the memory is full. */
export type CellKind = 'null' | 'regression' | 'leak';

/** One column of the table: deployments of one kind. */
export interface Cell {
  readonly id: string;
  readonly section: string;
  /** The line of columns within the section. */
  readonly row: string;
  readonly column: string;
  readonly kind: CellKind;
  /** Whether it gets the profile's number of quiet days or its number of other days. */
  readonly size: 'quiet' | 'other';
  /** Hours from onset to 95 % of the memory. */
  readonly leakHours?: number;
  readonly make: (random: Random) => LabelledTrace;
  /** Cells with the same noise see the same traces, but for the regression. */
  readonly noise: string;
}

/** Trace number `index` of a cell: the same in every run of that seed, whatever runs beside it. */
export function drawTrace(cell: Cell, seed: string, index: number): LabelledTrace {
  return cell.make(new Random(`${seed}/${cell.noise}/${index}`));
}

const sections = {
  quiet: 'No regression: false rollbacks per 1,000 days, with the 95 % interval (Wilson)',
  immediate: 'Regression with the deployment: recall, median/p90 delay in minutes; !n: n rollbacks before it',
  delayed:
    'Regression 15-180 min after the deployment: recall, median/p90 delay in minutes; !n: n rollbacks before it',
  late: 'Regression 3-20 h after the deployment: recall, median/p90 delay in minutes; !n: n rollbacks before it',
  mix: '',
  leak: 'Memory leaks: recall, median/p10 hours left before 95 %',
  external:
    'External incidents: false rollbacks per 1,000, or recall, median/p90 delay; !n: n before the onset',
  holdOutNull: 'Hold-out shapes without a regression: false rollbacks per 1,000',
  holdOutRegression: 'Hold-out shapes with a regression: recall, median/p90 delay; !n: n rollbacks before it',
} as const;

const levels = [50, 200, 1000, 5000];
const lasting = regressionKinds.filter((what) => !what.startsWith('leak_'));
const leaks = regressionKinds.filter((what) => what.startsWith('leak_'));

export const cells: readonly Cell[] = [
  ...(['poisson', 'nb', 'burst'] as const).flatMap((noise) => quietCells(noise, {})),
  ...quietCells('burst, warm-up doubled', { warmUp: 2 }),
  ...quietCells('burst, 5 % of the transients last 8-29 min', { longTransients: 0.05 }),
  ...lasting.flatMap((what) => regressionCells(what, 'immediate')),
  ...(['err_x3', 'err_x5', 'err_x10', 'lat_x2'] as const).flatMap((what) =>
    regressionCells(what, 'immediate', 'nb'),
  ),
  ...lasting.flatMap((what) => regressionCells(what, 'delayed')),
  ...lasting.flatMap((what) => regressionCells(what, 'late')),
  ...leaks.flatMap((what) => regressionCells(what, 'immediate')),
  ...incidentKinds.flatMap((what) => [
    externalCell({ what, start: 'any' }, null),
    externalCell({ what, start: 'early' }, null),
    externalCell({ what, start: 'any' }, 'err_x5'),
    externalCell({ what, start: 'any' }, 'lat_x2'),
  ]),
  ...shapes.map(
    (shape): Cell => ({
      id: `holdout/${shape.name}`,
      section: shape.kind === 'null' ? sections.holdOutNull : sections.holdOutRegression,
      row: '',
      column: shape.name,
      kind: shape.kind,
      size: 'other',
      noise: `holdout/${shape.name}`,
      make: (random) => makeShape(random, shape),
    }),
  ),
];

function quietCells(row: string, options: Partial<TrafficOptions>): Cell[] {
  return levels.map((requestsPerMinute) => {
    const noise = (row.split(',')[0] ?? 'burst') as Noise;
    return {
      id: `quiet/${row}/${requestsPerMinute}`,
      section: sections.quiet,
      row,
      column: String(requestsPerMinute),
      kind: 'null',
      size: 'quiet',
      noise: `${noise}/${requestsPerMinute}`,
      make: (random) => makeTrace(random, { ...options, noise, requestsPerMinute }),
    };
  });
}

function regressionCells(what: RegressionKind, onset: OnsetKind, noise: Noise = 'burst'): Cell[] {
  const row = noise === 'burst' ? what : `${what}, ${noise}`;
  const leakHours = what.startsWith('leak_') ? Number(what.slice(5)) : undefined;
  return levels.map((requestsPerMinute) => ({
    id: `${onset}/${row}/${requestsPerMinute}`,
    section: leakHours === undefined ? sections[onset] : sections.leak,
    row,
    column: String(requestsPerMinute),
    kind: leakHours === undefined ? 'regression' : 'leak',
    size: 'other',
    leakHours,
    noise: `${noise}/${requestsPerMinute}`,
    make: (random) => makeTrace(random, { noise, requestsPerMinute, regression: { what, onset } }),
  }));
}

/** Of all traffic levels, one after another. */
function externalCell(
  external: NonNullable<TrafficOptions['external']>,
  regression: RegressionKind | null,
): Cell {
  return {
    id: `external/${external.what}/${regression ?? external.start}`,
    section: sections.external,
    row: regression === null ? `nothing else, ${external.start}` : `${regression} begins during it`,
    column: external.what,
    kind: regression === null ? 'null' : 'regression',
    size: 'other',
    noise: `external/${external.what}`,
    make: (random) => {
      const requestsPerMinute = levels[random.integer(0, levels.length)] ?? 1000;
      return makeTrace(random, {
        noise: 'burst',
        requestsPerMinute,
        external,
        regression: regression === null ? undefined : { what: regression, onset: 'incident' },
      });
    },
  };
}
