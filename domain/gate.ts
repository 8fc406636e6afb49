import type { Deployment, ServiceRelease } from './deployment.ts';
import { releaseNames } from './deployment.ts';
import { activeFreeze, freezeEnd } from './freeze-window.ts';
import type { ReleaseStanding } from './last-known-good.ts';
import type { Policy } from './policy.ts';
import { activePause, isDirect, type ProductRow } from './product-row.ts';
import { missingReadiness, type Readiness, readinessScore, readinessTarget } from './readiness.ts';
import { belowFloor } from './rollback-floor.ts';

/** All that decides whether something may be deployed now. */
export interface GateQuestion {
  readonly product: string;
  /** What shall be deployed; empty: not said. */
  readonly services: readonly ServiceRelease[];
  readonly row: ProductRow;
  readonly standings: readonly ReleaseStanding[];
  /** Newest first. */
  readonly deployments: readonly Deployment[];
  readonly policy: Policy;
  /** Of the way back that would be there after the deployment, or why nobody could look at it. */
  readonly readiness: Readiness | string;
  readonly atMs: number;
  isoTime(ms: number): string;
}

export interface GateFinding {
  /** `refused` keeps the gate shut; `warning` is worth knowing. */
  readonly kind: 'passed' | 'warning' | 'refused';
  readonly name: string;
  readonly reason: string;
  /** What a person can do about a refusal. */
  readonly wayPast: string | null;
}

export interface GateAnswer {
  readonly open: boolean;
  readonly findings: readonly GateFinding[];
}

/** May this be deployed now, and would it come back if it were bad? The specification's production gate. */
export function gate(question: GateQuestion): GateAnswer {
  const findings = [
    ...standingFindings(question),
    ...floorFindings(question),
    ...rollbackFindings(question),
    ...freezeFindings(question),
    ...readinessFindings(question),
    ...watchFindings(question),
  ];
  return { open: findings.every(({ kind }) => kind !== 'refused'), findings };
}

const passed = (name: string, reason: string): GateFinding => ({
  kind: 'passed',
  name,
  reason,
  wayPast: null,
});
const warning = (name: string, reason: string): GateFinding => ({
  kind: 'warning',
  name,
  reason,
  wayPast: null,
});
const refused = (name: string, reason: string, wayPast: string): GateFinding => ({
  kind: 'refused',
  name,
  reason,
  wayPast,
});

function standingFindings({ product, services, standings }: GateQuestion): GateFinding[] {
  if (services.length === 0) return [];
  const bad = services.flatMap(({ service, release }) =>
    standings.filter(
      (entry) => entry.service === service && entry.release === release && entry.standing !== 'good',
    ),
  );
  if (bad.length === 0)
    return [passed('release', `${releaseNames(services)} is neither quarantined nor held`)];
  return bad.map(({ service, release, standing, author, reason }) =>
    refused(
      'release',
      `${release} of ${service} is ${standing} by ${author}: ${reason}`,
      `deploy a fixed release, or lift it: orchestrator release ${product} ${release} --good "why" --service ${service}`,
    ),
  );
}

function floorFindings({ product, services, row, deployments }: GateQuestion): GateFinding[] {
  return services.flatMap(({ service, release }) => {
    const reason = belowFloor(release, row.floors?.[service], service, deployments);
    if (reason === null) return [];
    return [
      refused(
        'rollback floor',
        `${release} of ${service} is ${reason}`,
        `deploy a newer release, or lift the floor: orchestrator floor ${product} --lift "why" --service ${service}`,
      ),
    ];
  });
}

function rollbackFindings({ product, row }: GateQuestion): GateFinding[] {
  const { rollback } = row;
  if (rollback === null) return [passed('rollback', 'none is running')];
  const end = isDirect(rollback.id)
    ? `when nobody is at it any more: orchestrator resolve ${product}`
    : `orchestrator status ${product} says where it is; a fix that ends it is deployed with --override "fixes ${rollback.id}"`;
  return [refused('rollback', `rollback ${rollback.id} of ${rollback.deployment} is under way`, end)];
}

function freezeFindings({ policy, atMs, isoTime }: GateQuestion): GateFinding[] {
  const window = activeFreeze(policy.freezeWindows, atMs);
  if (window === null) return policy.freezeWindows.length === 0 ? [] : [passed('freeze', 'no window is on')];
  return [
    refused(
      'freeze',
      `${window.reason}: nothing is deployed ${freezeEnd(window, isoTime)}`,
      'what cannot wait is deployed with --override "why". Rollbacks are never frozen',
    ),
  ];
}

function readinessFindings({ product, readiness, deployments }: GateQuestion): GateFinding[] {
  const wayPast = `mend it and look again: orchestrator gate ${product}; or --override "why"`;
  if (typeof readiness === 'string')
    return [refused('way back', `nobody could look whether a rollback would work: ${readiness}`, wayPast)];
  const missing = missingReadiness(readiness);
  if (missing === null) {
    const score = `readiness ${readinessScore(readiness)} %`;
    return [passed('way back', `${readinessTarget(readiness)} can be put back (${score})`)];
  }
  // Somebody has to be the first: without it no product could ever be deployed for the first time.
  if (deployments.length === 0)
    return [
      warning('way back', `${missing}. It is the first deployment: there is nothing to go back to yet`),
    ];
  return [refused('way back', missing, wayPast)];
}

/** What keeps a bad release from being rolled back by itself. A person may still do it. */
function watchFindings({ product, row, policy, atMs, isoTime }: GateQuestion): GateFinding[] {
  const pause = activePause(row, atMs);
  const findings: GateFinding[] = [];
  if (pause !== null) {
    const until = pause.untilMs === null ? 'until resumed' : `until ${isoTime(pause.untilMs)}`;
    const reason = `automatic rollback is paused by ${pause.by} ${until} (${pause.reason}): orchestrator resume ${product}`;
    findings.push(warning('automatic rollback', reason));
  }
  if (!policy.enabled) findings.push(warning('automatic rollback', 'is switched off (enabled: false)'));
  else if (policy.mode === 'observe')
    findings.push(warning('automatic rollback', 'only observes (mode: observe)'));
  return findings.length > 0 ? findings : [passed('automatic rollback', 'acts')];
}
