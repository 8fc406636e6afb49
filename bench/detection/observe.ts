import { hitAt, type Incident } from './incidents.ts';
import { quantileAbove } from './normal-law.ts';
import type { Random } from './random.ts';
import type { Effect } from './regressions.ts';
import type { Trace } from './trace.ts';
import { minutes, type TrafficModel } from './traffic-model.ts';

const mostFailing = 0.95;

/**
 * Draws what a monitor would have seen. The counts of the noise, of the incident and of the regression come from streams
 * of their own: with and without a regression the noise is the same, number by number.
 */
export function observe(
  seed: Random,
  model: TrafficModel,
  incident: Incident | null,
  effect: Effect | null,
): Trace {
  const trace = emptyTrace();
  observeRequests(seed, model, trace, incident);
  observeErrors(seed, model, trace, incident, effect);
  observeLatency(seed.fork('latency'), model, trace, incident, effect);
  observeMemory(seed.fork('memory'), model, trace, effect);
  observeDatabase(seed, model, trace, effect);
  observeHealth(seed, model, trace, effect);
  observePeer(seed, model, trace, incident);
  return trace;
}

/** In every column. */
export function forget(trace: Trace, fromRow: number, endRow: number): void {
  for (const column of Object.values(trace) as Float64Array[]) column.fill(Number.NaN, fromRow, endRow);
}

function emptyTrace(): Trace {
  const column = () => new Float64Array(minutes);
  return {
    requests: column(),
    errors: column(),
    p95Ms: column(),
    memoryPercent: column(),
    dbErrors: column(),
    healthFailed: column(),
    peerRequests: column(),
    peerErrors: column(),
    peerP95Ms: column(),
  };
}

function observeRequests(seed: Random, model: TrafficModel, trace: Trace, incident: Incident | null): void {
  const noise = seed.fork('requests');
  const { requests } = trace;
  for (let row = 0; row < minutes; row += 1) requests[row] = noise.poisson(at(model.requestMean, row));
  if (incident === null) return;
  const extra = seed.fork('incident requests');
  for (let row = incident.from; row < incident.end; row += 1) {
    const factor = hitAt(incident, incident.self, row)?.requestFactor ?? 1;
    requests[row] = at(requests, row) + extra.poisson(at(model.requestMean, row) * (factor - 1));
  }
}

function observeErrors(
  seed: Random,
  model: TrafficModel,
  trace: Trace,
  incident: Incident | null,
  effect: Effect | null,
): void {
  const { requests, errors } = trace;
  const { dispersion } = model;
  const noise = seed.fork('errors');
  const added = seed.fork('incident errors');
  const regressed = seed.fork('regression errors');
  for (let row = 0; row < minutes; row += 1) {
    const count = at(requests, row);
    const share = Math.min(mostFailing, Math.exp(at(model.errorLog, row)));
    let failed = noise.negativeBinomial(count * share, dispersion);
    let reached = share;
    const hit = incident === null ? null : hitAt(incident, incident.self, row);
    if (hit !== null) {
      const more = share * (hit.errorFactor - 1) + hit.errorShare;
      const step = Math.min(mostFailing - reached, more);
      failed += added.negativeBinomial(count * step, dispersion);
      reached += step;
    }
    if (effect !== null) {
      const more = share * (at(effect.errorFactor, row) - 1) + at(effect.errorShare, row);
      failed += regressed.negativeBinomial(count * Math.min(mostFailing - reached, more), dispersion);
    }
    errors[row] = Math.min(count, failed);
  }
}

function observeLatency(
  random: Random,
  model: TrafficModel,
  { requests, p95Ms }: Trace,
  incident: Incident | null,
  effect: Effect | null,
): void {
  for (let row = 0; row < minutes; row += 1) {
    const drawn = drawP95(random, at(requests, row), at(model.latencyLog, row), model.latencySigma);
    p95Ms[row] = effect === null ? drawn : drawn * at(effect.p95Factor, row);
  }
  if (incident === null) return;
  for (let row = incident.from; row < incident.end; row += 1) {
    p95Ms[row] = at(p95Ms, row) * (hitAt(incident, incident.self, row)?.p95Factor ?? 1);
  }
}

function observeMemory(
  random: Random,
  model: TrafficModel,
  { memoryPercent }: Trace,
  effect: Effect | null,
): void {
  for (let row = 0; row < minutes; row += 1) {
    const plain = at(model.memoryPercent, row);
    const leaked = effect === null ? 0 : at(effect.memoryAdded, row);
    const used = leaked > 0 ? Math.min(plain + leaked, 99.5) : plain;
    memoryPercent[row] = Math.min(100, Math.max(0, used + 0.7 * random.normal()));
  }
}

function observeDatabase(seed: Random, model: TrafficModel, trace: Trace, effect: Effect | null): void {
  const noise = seed.fork('database');
  const regressed = seed.fork('regression database');
  for (let row = 0; row < minutes; row += 1) {
    const mean = at(trace.requests, row) * model.dbErrorShare + at(model.dbErrorMean, row);
    const added = effect === null ? 0 : regressed.poisson(at(effect.dbErrorMean, row));
    trace.dbErrors[row] = noise.poisson(mean) + added;
  }
}

function observeHealth(
  seed: Random,
  model: TrafficModel,
  { healthFailed }: Trace,
  effect: Effect | null,
): void {
  const noise = seed.fork('health');
  const regressed = seed.fork('regression health');
  for (let row = 0; row < minutes; row += 1) {
    healthFailed[row] = noise.binomial(6, at(model.healthFailShare, row));
    const share = effect === null ? Number.NaN : at(effect.healthFailShare, row);
    if (!Number.isNaN(share)) healthFailed[row] = regressed.binomial(6, share);
  }
}

function observePeer(seed: Random, model: TrafficModel, trace: Trace, incident: Incident | null): void {
  const random = seed.fork('peer');
  const added = seed.fork('incident peer');
  for (let row = 0; row < minutes; row += 1) {
    const hit = incident === null ? null : hitAt(incident, incident.peer, row);
    let count = random.poisson(at(model.peerRequestMean, row));
    const share = Math.min(mostFailing, Math.exp(at(model.peerErrorLog, row)));
    let failed = random.negativeBinomial(count * share, model.dispersion);
    const p95 = drawP95(random, count, at(model.peerLatencyLog, row), model.peerLatencySigma);
    if (hit !== null) {
      count += added.poisson(at(model.peerRequestMean, row) * (hit.requestFactor - 1));
      const step = Math.min(mostFailing - share, share * (hit.errorFactor - 1) + hit.errorShare);
      failed += added.negativeBinomial(count * step, model.dispersion);
    }
    trace.peerRequests[row] = count;
    trace.peerErrors[row] = Math.min(count, failed);
    trace.peerP95Ms[row] = p95 * (hit?.p95Factor ?? 1);
  }
}

/** The 95th percentile of `count` log-normal latencies: an order statistic, exactly, by way of a beta. */
function drawP95(random: Random, count: number, log: number, sigma: number): number {
  if (count === 0) return Number.NaN;
  const rank = Math.ceil(0.95 * count);
  return Math.exp(log + sigma * quantileAbove(random.beta(count - rank + 1, rank)));
}

function at(values: Float64Array, index: number): number {
  return values[index] as number;
}
