import type { Instance } from '../../domain/live.ts';
import type { Probe } from '../../domain/sample.ts';

/** Asks instances whether they are healthy. Never throws: an unreachable instance is an unhealthy one. */
export interface HealthProbe {
  probe(instances: readonly Instance[], signal: AbortSignal): Promise<Probe[]>;
}
