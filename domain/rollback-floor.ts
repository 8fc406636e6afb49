import { type Deployment, releaseOf } from './deployment.ts';

/** No older release of a service may come back: after an irreversible migration it could not read what it finds. */
export interface RollbackFloor {
  /** The oldest release that may still be restored. */
  readonly release: string;
  readonly by: string;
  readonly reason: string;
  /** When it was declared, milliseconds since the epoch. */
  readonly atMs: number;
}

/** The floor in force, by service: the newest word of whoever declared one. */
export type RollbackFloors = Readonly<Record<string, RollbackFloor>>;

/**
 * The sentence that says why a release is below the floor, or `null` where it is not. Releases are ordered by their first
 * deployment: a release that was restored later is as old as it was. A floor that was never deployed, or is only now, is as new as
 * its declaration.
 * @param deployments newest first
 */
export function belowFloor(
  release: string,
  floor: RollbackFloor | undefined,
  service: string,
  deployments: readonly Deployment[],
): string | null {
  if (floor === undefined || release === floor.release) return null;
  const firstMs = (wanted: string) =>
    deployments.findLast((deployment) => releaseOf(deployment, service) === wanted)?.deployedAtMs;
  const atMs = firstMs(release);
  if (atMs === undefined || atMs >= (firstMs(floor.release) ?? floor.atMs)) return null;
  return `below the rollback floor ${floor.release} declared by ${floor.by}: ${floor.reason}`;
}

/** A floor that somebody declared; an older word, as of a report that is repeated late, changes nothing. */
export function withFloor(
  floors: RollbackFloors | undefined,
  service: string,
  floor: RollbackFloor | null,
): RollbackFloors {
  const { [service]: known, ...others } = floors ?? {};
  if (floor === null) return others;
  return { ...others, [service]: known === undefined || known.atMs <= floor.atMs ? floor : known };
}

/** What a person should know who declares a floor. */
export function floorWarning(
  service: string,
  release: string,
  releases: readonly (string | null)[],
): string | null {
  return releases.includes(release)
    ? null
    : `${release} of ${service} was never deployed here: as a rollback floor it bars every release deployed until now`;
}
