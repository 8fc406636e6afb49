import { setTimeout as sleep } from 'node:timers/promises';
import type { Cursor } from '../adapters/metrics/metrics-source.ts';
import { type BenchProduct, service } from './bench-product.ts';

export interface PlainLoop {
  readonly deployedAtMs: number;
  readonly checkIntervalMs: number;
  /** Checks that make the baseline, and the window that is compared with it. */
  readonly windowChecks: number;
  readonly multiplier: number;
  readonly lastKnownGood: string;
  readonly untilMs: number;
}

/** The rival: `monitorDeployment` as the specification sketches it. It believes the first breach. */
export async function monitorPlainly(product: BenchProduct, loop: PlainLoop): Promise<void> {
  const errorsPerMinute = createErrorMeter(product, loop.windowChecks);
  await errorsPerMinute();
  let baseline = Number.NaN;
  for (let check = 1; ; check += 1) {
    const dueMs = loop.deployedAtMs + check * loop.checkIntervalMs;
    if (dueMs > loop.untilMs) return;
    await sleep(Math.max(0, dueMs - Date.now()));
    const current = await errorsPerMinute();
    if (check === loop.windowChecks) baseline = current;
    if (current > baseline * loop.multiplier) return initiateRollback(product, loop.lastKnownGood);
  }
}

async function initiateRollback(product: BenchProduct, release: string): Promise<void> {
  await product.traffic.stop(service, {
    reason: `rolling back to ${release}`,
    retryAfterSeconds: 3,
    signal: AbortSignal.timeout(10_000),
  });
  await product.deploy(release);
}

/** Errors per minute over the last checks; each call is one. */
function createErrorMeter({ name, target, metrics }: BenchProduct, windowChecks: number) {
  const readings: { atMs: number; errors: number }[] = [];
  let cursor: Cursor | null = null;
  return async (): Promise<number> => {
    const signal = AbortSignal.timeout(5_000);
    const { instances } = await target.live(service, signal);
    const request = { product: name, environment: 'production', service, instances, cursor, signal };
    const measured = await metrics.measure(request);
    if (measured.kind !== 'measured') throw new Error(`${name} cannot be measured: ${measured.reason}`);
    cursor = measured.cursor;
    readings.push({ atMs: Date.now(), errors: measured.counts.errors });
    const [since, ...window] = readings.slice(-windowChecks - 1);
    const errors = window.reduce((sum, reading) => sum + reading.errors, 0);
    const durationMs = Date.now() - (since?.atMs ?? Date.now());
    return durationMs > 0 ? (errors * 60_000) / durationMs : 0;
  };
}
