import type { Catalog } from '../../../activities/dependencies.ts';
import type { Store } from '../../../adapters/store/store.ts';
import { type Deployment, releaseNames } from '../../../domain/deployment.ts';
import type { ProductKey } from '../../../domain/identity.ts';
import { type ProductPhase, phaseOf, productPhases } from '../../../domain/product-phase.ts';
import {
  activePause,
  openVetoWindow,
  type Pause,
  type ProductRow,
  standingVeto,
  type Veto,
  type VetoWindow,
} from '../../../domain/product-row.ts';
import { missingReadiness, readinessScore, readinessTarget } from '../../../domain/readiness.ts';
import type { WatchState } from '../../../domain/watch.ts';
import { readNewest, type ServiceSeries } from './series.ts';

/** One product as the first page shows it. */
export interface ProductNow extends ProductKey {
  readonly phase: ProductPhase;
  readonly owner: string;
  readonly current: Deployment | null;
  readonly releases: string;
  /** When the watch ends, milliseconds since the epoch; `null`: nothing is watched. */
  readonly endsAtMs: number | null;
  /** How it is, in one sentence. */
  readonly sentence: string;
  readonly checkedAtMs: number | null;
  readonly pause: Pause | null;
  readonly vetoWindow: Omit<VetoWindow, 'deployment'> | null;
  readonly veto: Omit<Veto, 'deployment'> | null;
  /** Automatic rollbacks are switched off for it, by the policy. */
  readonly observedOnly: boolean;
  readonly rollback: {
    readonly id: string;
    readonly incident: string | null;
    readonly sinceMs: number;
  } | null;
  readonly wayBack: {
    readonly target: string;
    readonly score: number;
    readonly missing: string | null;
  } | null;
  readonly services: readonly ServiceSeries[];
}

/** So many checks are drawn beside a signal's name. */
const sparklinePoints = 60;

export async function readNow(
  { store, catalog }: { readonly store: Store; readonly catalog: Catalog },
  key: ProductKey,
  points = sparklinePoints,
): Promise<ProductNow> {
  const [setup, row, readiness] = await Promise.all([
    catalog.setup(key),
    store.products.read(key),
    store.wayBack.readiness(key),
  ]);
  const current =
    row.currentDeployment === null
      ? null
      : await store.deployments.read({ ...key, deployment: row.currentDeployment });
  const watch = current === null ? null : await store.watches.read(current);
  const { monitoring } = setup.policy;
  const incident = row.rollback === null ? null : await incidentOf(store, key, row);
  const services =
    current === null || watch === null || points === 0
      ? []
      : await readNewest(store, current, points, watch.services);
  return {
    ...key,
    phase: phaseOf(row, current, watch, incident?.status ?? null),
    owner: setup.owner,
    current,
    releases: current === null ? 'nothing is deployed yet' : releaseNames(current.services),
    endsAtMs: current?.status === 'watching' ? current.deployedAtMs + monitoring.watchMs : null,
    sentence: incident?.reason ?? sentenceOf(current, watch),
    checkedAtMs: watch?.lastAtMs ?? null,
    ...heldBack(row, Date.now()),
    observedOnly: !setup.policy.enabled || setup.policy.mode === 'observe',
    rollback:
      row.rollback === null
        ? null
        : { id: row.rollback.id, incident: incident?.id ?? null, sinceMs: row.rollback.sinceMs },
    wayBack:
      readiness === null
        ? null
        : {
            target: readinessTarget(readiness),
            score: readinessScore(readiness),
            missing: missingReadiness(readiness),
          },
    services,
  };
}

/** What keeps the current deployment from being rolled back automatically, or lets it wait a moment. */
export function heldBack(row: ProductRow, nowMs: number): Pick<ProductNow, 'pause' | 'vetoWindow' | 'veto'> {
  const pause = activePause(row, nowMs);
  const window = row.rollback === null ? openVetoWindow(row, row.currentDeployment) : null;
  const veto = standingVeto(row, row.currentDeployment);
  return {
    pause,
    vetoWindow: window === null ? null : { untilMs: window.untilMs, reason: window.reason },
    veto: veto === null ? null : { by: veto.by, reason: veto.reason, atMs: veto.atMs },
  };
}

/** Worst first, then by name. */
export function inOrderOfWorry(products: readonly ProductNow[]): ProductNow[] {
  const rank = ({ phase }: ProductNow) => productPhases.indexOf(phase);
  return products.toSorted((a, b) => rank(a) - rank(b) || a.product.localeCompare(b.product));
}

/** Of the rollback that holds the product; `null`: it has not written one yet. */
export async function incidentOf(store: Store, key: ProductKey, row: ProductRow) {
  const newest = await store.incidents.list({ ...key, limit: 1 });
  return (
    newest.find(
      ({ deployment, endedAtMs }) => deployment === row.rollback?.deployment && endedAtMs === null,
    ) ?? null
  );
}

/** What the newest check said. */
export function sentenceOf(current: Deployment | null, watch: WatchState | null): string {
  if (current === null) return 'No deployment has been reported yet.';
  if (current.outcome !== null) return current.outcomeReason ?? current.outcome;
  if (watch === null || watch.lastAtMs === null) return 'Nothing has been measured yet.';
  const { standing } = watch.conditions;
  if (standing.length > 0) return standing.map(({ reason }) => reason).join('; ');
  return watch.services.map(({ verdicts }) => verdicts[0]?.reason ?? 'first measurement').join('; ');
}
