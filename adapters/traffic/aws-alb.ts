import { setTimeout as sleep } from 'node:timers/promises';
import {
  forwardActions,
  type Remembered,
  stickinessOf,
  stoppedActions,
  targetGroupShares,
} from './aws-alb/actions.ts';
import { albChecks } from './aws-alb/checks.ts';
import { createElb, type Elb } from './aws-alb/elb.ts';
import { seenEverywhere } from './aws-alb/seen.ts';
import { groupOf, healthyIn } from './aws-alb/targets.ts';
import { originsOf } from './origins.ts';
import type { TrafficControl } from './traffic-control.ts';

export interface AwsAlbOptions {
  /** ARN of the listener rule, or of the listener for its default action. */
  readonly rule: string;
  /** ARNs of the groups that instances are registered in: one, or one for each of two releases beside each other. */
  readonly targetGroups: readonly string[];
  /** An address of the service through the load balancer; with it a switch returns when it is seen there. */
  readonly url?: string;
  /** How long targets may take until the load balancer calls them healthy, and how long a switch may take to be seen. */
  readonly inForceWithinMs?: number;
  /** Of one call, retries included. */
  readonly timeoutMs?: number;
  /** Only where it is not AWS's own. */
  readonly endpoint?: string;
}

export interface AlbReach extends AwsAlbOptions {
  readonly elb: Elb;
  readonly inForceWithinMs: number;
}

const pollMs = 1_000;

/** Traffic of one service through a rule of an Application Load Balancer. */
export function createAwsAlbTraffic(options: AwsAlbOptions): TrafficControl {
  const client = createElb(options);
  const reachWith = async (signal: AbortSignal): Promise<AlbReach> => {
    signal.throwIfAborted();
    const { inForceWithinMs = 120_000 } = options;
    return { ...options, inForceWithinMs, elb: await client(signal) };
  };
  return {
    async state(_service, signal) {
      const { elb, rule } = await reachWith(signal);
      const shares = targetGroupShares(await elb.actions(rule));
      if (shares === 'fixed-response') return { maintenance: true, weights: {} };
      const { release, targetGroup } = await elb.tags(rule);
      const known = release !== undefined && shares.length === 1 && shares[0] === targetGroup;
      return { maintenance: false, weights: known ? { [release]: 100 } : {} };
    },
    async stop(_service, { reason, signal }) {
      const reach = await reachWith(signal);
      const { elb, rule } = reach;
      const actions = await elb.actions(rule);
      // A fixed response has no place for it, and users would lose their session's target group.
      const stickiness = stickinessOf(actions);
      if (stickiness !== null) await elb.remember(rule, { stickinessSeconds: stickiness });
      await elb.setActions(rule, stoppedActions(actions, reason));
      await seenEverywhere(reach, 'maintenance', signal);
    },
    async resume(_service, { release, instances, signal }) {
      originsOf(release, instances);
      const reach = await reachWith(signal);
      const { elb, rule } = reach;
      const running = instances.filter((instance) => instance.running);
      const targetGroup = await groupOf(reach, release, running);
      await untilHealthy(reach, targetGroup, signal);
      const actions = await elb.actions(rule);
      const remembered: Remembered = { ...(await elb.tags(rule)), release, targetGroup };
      await elb.setActions(rule, forwardActions(actions, reach.targetGroups, remembered));
      await elb.remember(rule, { release, targetGroup });
      await seenEverywhere(reach, 'traffic', signal);
    },
    checks: async (_service, signal) => albChecks(await reachWith(signal)),
  };
}

/** Before users are sent there: a group without a healthy target is sent everything, or answers 503. */
async function untilHealthy(reach: AlbReach, targetGroup: string, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + reach.inForceWithinMs;
  for (;;) {
    const { healthy, words } = await healthyIn(reach, targetGroup);
    if (healthy) return;
    if (performance.now() > deadline)
      throw new Error(`the load balancer sends nothing to ${targetGroup}: ${words}; traffic stays as it is`);
    await sleep(pollMs, undefined, { signal });
  }
}
