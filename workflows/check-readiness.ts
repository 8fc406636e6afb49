import type { ServiceRelease } from '../domain/deployment.ts';
import type { ProductKey } from '../domain/identity.ts';
import type { Readiness } from '../domain/readiness.ts';
import { askingReadiness } from './activities.ts';

export interface CheckReadinessInput {
  readonly key: ProductKey;
  /** What shall be deployed. */
  readonly services: readonly ServiceRelease[];
  /** Where a worker polls that reaches the product's hosts. */
  readonly targetQueue: string;
}

/** Would a rollback work, if this were deployed? Asked by the gate, answered by a worker that would have to do it. */
export async function checkReadiness({
  key,
  services,
  targetQueue,
}: CheckReadinessInput): Promise<Readiness> {
  return askingReadiness(targetQueue).checkReadiness(key, [...services]);
}
