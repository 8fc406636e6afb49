import { askJson } from '../../adapters/http/ask-json.ts';
import type { Measurement, MeasureRequest, MetricsSource } from '../../adapters/metrics/metrics-source.ts';
import { measureSteps, type StepSignal, type StepsOf, spanOf } from '../../adapters/metrics/steps.ts';

export interface GraphiteOptions {
  /** What stands before `/render`. */
  readonly url: string;
  /** A target for each figure that is known, `{service}` replaced: counts of a step, percentiles in milliseconds, percents. */
  readonly targets: { readonly [Signal in StepSignal]?: string };
  /** Of one count, as the storage schema has it, milliseconds. */
  readonly stepMs?: number;
  /** Newer values may not be complete, milliseconds. */
  readonly settleMs?: number;
  readonly timeoutMs?: number;
  /** What time it is, milliseconds since the epoch. */
  readonly now?: () => number;
}

const format = 'graphite/1';
const maxBytes = 8 * 1_048_576;

/** Asks the render API of Graphite for the steps since the last check. */
export function createGraphiteSource(options: GraphiteOptions): MetricsSource {
  const { stepMs = 60_000, settleMs = 30_000, now = Date.now } = options;
  const address = options.url.replace(/\/+$/, '');
  const clock = { stepMs, settleMs, staleAfterMs: 15 * 60_000 };
  return {
    async measure(request) {
      const span = spanOf(request.cursor, format, now(), clock);
      const steps = await render(address, options, request, span);
      return 'kind' in steps ? steps : measureSteps(steps, span, { format, address, clock });
    },
  };
}

/** All figures in one request; `alias` brings them back by their names. */
async function render(
  address: string,
  { targets, timeoutMs = 5_000 }: GraphiteOptions,
  { service, signal }: MeasureRequest,
  { sinceMs, untilMs }: { readonly sinceMs: number; readonly untilMs: number },
): Promise<StepsOf | Exclude<Measurement, { kind: 'measured' }>> {
  // Graphite leaves out the point at `from` itself.
  const times = { from: String(sinceMs / 1_000 - 1), until: String(untilMs / 1_000) };
  const form = new URLSearchParams({ ...times, format: 'json' });
  for (const [name, target] of Object.entries(targets))
    form.append('target', `alias(${target.replaceAll('{service}', service)},"${name}")`);
  const body = form.toString();
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const answer = await askJson({
    method: 'POST',
    url: `${address}/render`,
    headers,
    body,
    timeoutMs,
    maxBytes,
    signal,
  });
  if (answer.kind === 'timeout' || answer.kind === 'rate_limited')
    return { kind: answer.kind, reason: `${address}: ${answer.found}` };
  if (answer.kind !== 'answered') return { kind: 'error', reason: `${address}: ${answer.found}` };
  const series = seriesOf(answer.value);
  return (
    series ?? { kind: 'error', reason: `${address}: the answer is not the JSON of Graphite's render API` }
  );
}

/** `[{ "target": "requests", "datapoints": [[12, 1764000000], [null, 1764000060]] }]`: `null` is no data. */
function seriesOf(value: unknown): StepsOf | null {
  if (!Array.isArray(value) || !value.every(isSeries)) return null;
  return Object.fromEntries(
    value.map(({ target, datapoints }) => [
      target,
      new Map(datapoints.flatMap(([count, at]) => (count === null ? [] : [[at * 1_000, count]]))),
    ]),
  );
}

interface Series {
  readonly target: string;
  readonly datapoints: readonly (readonly [number | null, number])[];
}

function isSeries(value: unknown): value is Series {
  return typeof value === 'object' && value !== null && 'target' in value && 'datapoints' in value;
}
