import type { Catalog } from '../../../activities/dependencies.ts';
import type { Store } from '../../../adapters/store/store.ts';
import type { Deployment } from '../../../domain/deployment.ts';
import type { DeploymentKey } from '../../../domain/identity.ts';
import type { Incident } from '../../../domain/incident.ts';
import type { TimelineEntry } from '../../../domain/timeline.ts';
import { type ProductNow, readNow, sentenceOf } from './now.ts';
import { readSeries, type ServiceSeries } from './series.ts';

/** All that is known of one deployment. */
export interface DeploymentStory {
  readonly deployment: Deployment;
  /** How the newest check found it. */
  readonly sentence: string;
  readonly checkedAtMs: number | null;
  readonly services: readonly ServiceSeries[];
  readonly timeline: readonly TimelineEntry[];
  /** Newest first. */
  readonly incidents: readonly Incident[];
  /** How the product is now; `null` where this deployment is not its current one, nor rolled back just now. */
  readonly now: ProductNow | null;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Of a signal; a chart is about 700 pixels wide. */
const chartPoints = 360;

export async function readStory(
  sources: { readonly store: Store; readonly catalog: Catalog },
  key: DeploymentKey,
): Promise<DeploymentStory | null> {
  const { store } = sources;
  const deployment = await store.deployments.read(key);
  if (deployment === null) return null;
  const [watch, timeline, incidents, row] = await Promise.all([
    store.watches.read(key),
    store.timeline.list({ ...key, limit: 1_000 }),
    store.incidents.list({ product: key.product, environment: key.environment, limit: 200 }),
    store.products.read(key),
  ]);
  const isLive = row.currentDeployment === key.deployment || row.rollback?.deployment === key.deployment;
  const services =
    watch === null ? [] : await readSeries(store, key, { points: chartPoints }, watch.services);
  return {
    deployment,
    sentence: sentenceOf(deployment, watch),
    checkedAtMs: watch?.lastAtMs ?? null,
    services,
    timeline,
    incidents: incidents.filter((incident) => incident.deployment === key.deployment),
    now: isLive ? await readNow(sources, key).catch(() => null) : null,
    fromMs: deployment.deployedAtMs,
    toMs: deployment.endedAtMs ?? Math.max(watch?.lastAtMs ?? 0, deployment.deployedAtMs + 60_000),
  };
}
