import { type Days, daysOf } from '../../client/backtest/judge-trace.ts';
import type { Histogram } from '../../domain/histogram.ts';
import type { Part, Sample } from '../../domain/sample.ts';
import { shareBelow } from './normal-law.ts';
import { observe } from './observe.ts';
import type { Random } from './random.ts';
import { type Effect, effectOf, noEffect } from './regressions.ts';
import { minutesBefore } from './trace.ts';
import { drawModel, minutes, type TrafficModel } from './traffic-model.ts';

/** What goes wrong with the deployment; `null`: nothing. */
export type Trouble =
  | null
  | 'latency ×2'
  | '3 % of the requests time out after 5 s'
  | 'an endpoint with 1 % of the traffic fails'
  | 'one of ten instances fails for 5 %'
  | 'errors ×5';

/** What goes wrong, and from how many minutes after the deployment on. */
export interface Ill {
  readonly trouble: Trouble;
  readonly onset: number;
}

/** Everything that could be known of a minute. */
export interface Row {
  readonly histogram: Histogram;
  readonly parts: readonly Part[];
}

export interface DrawnDays {
  readonly days: Days;
  /** Of the rows, by their minute since the first one. */
  readonly rowOf: (sample: Sample) => Row;
}

export function drawDays(random: Random, requestsPerMinute: number, ill: Ill): DrawnDays {
  const seed = random.split();
  const model = drawModel(seed, { noise: 'burst', requestsPerMinute });
  const days = daysOf(observe(seed, model, null, effectOn(ill, model)));
  const draw = seed.fork('better input');
  const rows = Array.from({ length: minutes }, () => null as Row | null);
  const samples = [...days.before, ...days.after];
  for (const { sample } of samples) rows[rowNumber(sample)] = drawRow(draw, sample, model, ill);
  return { days, rowOf: (sample) => rows[rowNumber(sample)] as Row };
}

function rowNumber({ atMs }: Sample): number {
  return Math.round(atMs / 60_000) - 1 + minutesBefore;
}

/** What the sums see of it; its place among the parts is drawn with the row. */
function effectOn({ trouble, onset }: Ill, model: TrafficModel): Effect | null {
  if (trouble === 'latency ×2') return effectOf('lat_x2', onset, model);
  if (trouble === 'errors ×5') return effectOf('err_x5', onset, model);
  const effect = noEffect();
  const share = extraErrorShare(trouble);
  if (share > 0) effect.errorShare.fill(share, minutesBefore + onset);
  return effect;
}

function extraErrorShare(trouble: Trouble): number {
  if (trouble === 'an endpoint with 1 % of the traffic fails') return endpointShares.small * 0.7;
  return trouble === 'one of ten instances fails for 5 %' ? 0.005 : 0;
}

const bounds = [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];
const endpointShares = { small: 0.01, others: [0.5, 0.2, 0.12, 0.08, 0.06, 0.03] };

function drawRow(random: Random, sample: Sample, model: TrafficModel, { trouble, onset }: Ill): Row {
  const row = rowNumber(sample);
  const after = row >= minutesBefore + onset;
  const slowdown = trouble === 'latency ×2' && after ? 2 : 1;
  const log = (model.latencyLog[row] as number) + Math.log(slowdown);
  const below = (boundMs: number) => shareBelow((Math.log(boundMs) - log) / model.latencySigma);
  const tail = trouble === '3 % of the requests time out after 5 s' && after ? 0.03 : 0;
  const cumulative = bounds.map((bound) => (1 - tail) * below(bound) + tail * (bound >= 5_000 ? 1 : 0));
  return {
    histogram: { boundsMs: bounds, counts: spread(random, sample.requests, sharesOf(cumulative)) },
    parts: [
      ...endpointsOf(random, sample, after ? trouble : null),
      ...instancesOf(random, sample, after ? trouble : null),
    ],
  };
}

function sharesOf(cumulative: readonly number[]): number[] {
  return [...cumulative, 1].map((value, i) => Math.max(0, value - (cumulative[i - 1] ?? 0)));
}

/** Each of `count` goes to one of the shares. */
function spread(random: Random, count: number, shares: readonly number[]): number[] {
  let left = count;
  let leftShare = shares.reduce((sum, share) => sum + share, 0);
  return shares.map((share) => {
    const taken = left === 0 ? 0 : random.binomial(left, Math.min(1, share / Math.max(leftShare, 1e-12)));
    left -= taken;
    leftShare -= share;
    return taken;
  });
}

/** The regression's errors are all in the small one; the others are spread as the traffic is. */
function endpointsOf(random: Random, sample: Sample, trouble: Trouble): Part[] {
  const shares = [...endpointShares.others, endpointShares.small];
  const requests = spread(random, sample.requests, shares);
  const fails = trouble === 'an endpoint with 1 % of the traffic fails';
  const last = requests.length - 1;
  const own = fails ? Math.min(sample.errors, random.binomial(requests[last] ?? 0, 0.7)) : 0;
  const errors = spread(random, sample.errors - own, shares);
  return requests.map((count, i) => ({
    by: 'endpoint',
    name: `/${i}`,
    requests: count,
    errors: Math.min(count, (errors[i] ?? 0) + (i === last ? own : 0)),
  }));
}

function instancesOf(random: Random, sample: Sample, trouble: Trouble): Part[] {
  const shares = new Array<number>(10).fill(0.1);
  const requests = spread(random, sample.requests, shares);
  const fails = trouble === 'one of ten instances fails for 5 %';
  const own = fails ? Math.min(sample.errors, random.binomial(requests[0] ?? 0, 0.05)) : 0;
  const errors = spread(random, sample.errors - own, shares);
  return requests.map((count, i) => ({
    by: 'instance',
    name: `shop-${i}`,
    requests: count,
    errors: Math.min(count, (errors[i] ?? 0) + (i === 0 ? own : 0)),
  }));
}
