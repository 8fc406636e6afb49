import type { Policy } from '../policy.ts';

/** The judge's minute: a fifth of the trigger's window, so that the window sets the pace. 60,000 ms by default. */
export function errorUnitMs(policy: Policy): number {
  return policy.triggers.errorRate.windowMs / 5;
}

export function latencyUnitMs(policy: Policy): number {
  return policy.triggers.latency.windowMs / 5;
}

/** Half an hour by default: three windows of the memory trigger. */
export function memoryFloorMs(policy: Policy): number {
  return 3 * policy.triggers.memory.windowMs;
}
