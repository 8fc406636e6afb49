import { type Deployment, releaseOf, type ServiceRelease } from './deployment.ts';
import { shortDuration } from './detection/verdict.ts';
import { belowFloor, type RollbackFloor } from './rollback-floor.ts';

/** What people or earlier rollbacks decided about a release. */
export type Standing = 'good' | 'quarantined' | 'held';

export interface ReleaseStanding {
  readonly service: string;
  readonly release: string;
  readonly standing: Standing;
  readonly author: string;
  readonly reason: string;
  readonly atMs: number;
}

export interface Candidate {
  readonly release: string;
  /** `served 24 h of breach-free traffic`, or `declared good by ana: …`. */
  readonly reason: string;
  /** Not even a person's choice: quarantined, held, or below the rollback floor. */
  readonly barred?: true;
}

export interface Candidates {
  /** Newest first. */
  readonly candidates: readonly Candidate[];
  /** Releases passed over, with the reason; what "no last known good" says. */
  readonly rejected: readonly Candidate[];
}

/**
 * The releases a service may be rolled back to, newest first: another release than the current one that served
 * `goodAfterMs` of observed, breach-free traffic (in all deployments together; a superseded monitor counts) or that a
 * person declared good, neither quarantined nor held, nor below the rollback floor. Whether it is still restorable is asked
 * of the target afterwards.
 * @param deployments newest first
 */
export function rollbackCandidates(input: {
  readonly service: string;
  readonly current: string;
  readonly deployments: readonly Deployment[];
  readonly standings: readonly ReleaseStanding[];
  readonly goodAfterMs: number;
  readonly floor?: RollbackFloor | undefined;
}): Candidates {
  const goodMs = new Map<string, number>();
  for (const deployment of input.deployments) {
    const release = releaseOf(deployment, input.service);
    if (release === null) continue;
    // Not watched well enough to be called good, whatever was seen of it.
    const servedMs = deployment.outcome === 'unobserved' ? 0 : deployment.goodMs;
    goodMs.set(release, (goodMs.get(release) ?? 0) + servedMs);
  }
  for (const { service, release } of input.standings) {
    if (service === input.service && !goodMs.has(release)) goodMs.set(release, 0);
  }
  const candidates: Candidate[] = [];
  const rejected: Candidate[] = [];
  for (const [release, served] of goodMs) {
    if (release === input.current) continue;
    const standing = input.standings.find(
      (entry) => entry.service === input.service && entry.release === release,
    );
    const tooOld = belowFloor(release, input.floor, input.service, input.deployments);
    const { good, ...found } =
      tooOld === null
        ? assess(standing, served, input.goodAfterMs)
        : { good: false, reason: tooOld, barred: true as const };
    (good ? candidates : rejected).push({ release, ...found });
  }
  return { candidates, rejected };
}

function assess(
  standing: ReleaseStanding | undefined,
  servedMs: number,
  goodAfterMs: number,
): { good: boolean; reason: string; barred?: true } {
  if (standing?.standing === 'quarantined' || standing?.standing === 'held') {
    const reason = `${standing.standing} by ${standing.author}: ${standing.reason}`;
    return { good: false, reason, barred: true };
  }
  if (standing?.standing === 'good') {
    return { good: true, reason: `declared good by ${standing.author}: ${standing.reason}` };
  }
  if (servedMs >= goodAfterMs)
    return { good: true, reason: `served ${shortDuration(servedMs)} of breach-free traffic` };
  return {
    good: false,
    reason: `served only ${shortDuration(servedMs)} of observed, breach-free traffic, ${shortDuration(goodAfterMs)} needed`,
  };
}

/** Sentences for the owner of a deployment whose release was judged before: it is watched all the same. */
export function standingWarnings(
  services: readonly ServiceRelease[],
  standings: readonly ReleaseStanding[],
): string[] {
  return services.flatMap(({ service, release }) => {
    const standing = standings.find((entry) => entry.service === service && entry.release === release);
    if (standing === undefined || standing.standing === 'good') return [];
    return [
      `${release} of ${service} is ${standing.standing} (${standing.reason}); it is watched all the same`,
    ];
  });
}
