import type { Rule } from '@aws-sdk/client-elastic-load-balancing-v2';
import type { ReadinessCheck } from '../../../domain/readiness.ts';
import type { AlbReach } from '../aws-alb.ts';
import { targetGroupShares } from './actions.ts';

/** What switching will need. The right to change a rule cannot be tried without changing it: AWS has no dry run here. */
export async function albChecks(reach: AlbReach): Promise<ReadinessCheck[]> {
  const looks: [string, (reach: AlbReach) => Promise<string>][] = [
    ['the rule can be read', ruleFinding],
    ['the tags can be read', tagsFinding],
    ['targets are registered', targetsFinding],
    ['health checks go on in maintenance', anchorFinding],
  ];
  const found = looks.map(async ([name, look]) => {
    const finding = await look(reach).then(
      (detail) => ({ ok: true, detail }),
      (error: Error) => ({ ok: false, detail: error.message }),
    );
    return { name: `AWS load balancer: ${name}`, ...finding };
  });
  return Promise.all(found);
}

async function ruleFinding({ elb, rule }: AlbReach): Promise<string> {
  const shares = targetGroupShares(await elb.actions(rule));
  if (shares === 'fixed-response') return 'answers a fixed response now';
  return `forwards to ${shares.join(' and ') || 'no target group'} now`;
}

async function tagsFinding({ elb, rule }: AlbReach): Promise<string> {
  const { release } = await elb.tags(rule);
  return release === undefined ? 'no release is remembered yet' : `remembers ${release}`;
}

async function targetsFinding({ elb, targetGroups }: AlbReach): Promise<string> {
  const counts = await Promise.all(targetGroups.map(async (arn) => (await elb.targetHealth(arn)).length));
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) throw new Error(`no target is registered in ${targetGroups.join(' or ')}`);
  return `${counts.join(' and ')} targets`;
}

/** AWS checks only what a rule forwards to. In maintenance that is another rule than ours, or nobody knows whether targets are healthy. */
async function anchorFinding({ elb, rule, targetGroups }: AlbReach): Promise<string> {
  const rules = await elb.otherRules(rule);
  const lacking = targetGroups.filter((arn) => !rules.some((other) => forwardsTo(other, arn)));
  if (lacking.length === 0) return 'another rule of the listener forwards to each target group';
  throw new Error(
    `no other rule of the listener forwards to ${lacking.join(' and ')}: add one for a host that nobody asks for, see docs/traffic.md`,
  );
}

function forwardsTo({ Actions = [] }: Rule, arn: string): boolean {
  return Actions.some(
    ({ TargetGroupArn, ForwardConfig }) =>
      TargetGroupArn === arn || ForwardConfig?.TargetGroups?.some((group) => group.TargetGroupArn === arn),
  );
}
