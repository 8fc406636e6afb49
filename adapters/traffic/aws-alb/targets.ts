import type { TargetHealthDescription } from '@aws-sdk/client-elastic-load-balancing-v2';
import type { Instance } from '../../../domain/live.ts';
import type { AlbReach } from '../aws-alb.ts';

/** The target group that every instance of the release is registered in; the only one is it anyway. */
export async function groupOf(
  { elb, targetGroups }: AlbReach,
  release: string,
  instances: readonly Instance[],
): Promise<string> {
  const [only] = targetGroups;
  if (only !== undefined && targetGroups.length === 1) return only;
  const found = await Promise.all(
    targetGroups.map(async (arn) => ({ arn, targets: await elb.targetHealth(arn) })),
  );
  const full = found.filter(({ targets }) =>
    instances.every((instance) => targets.some((target) => is(target, instance))),
  );
  const [group, second] = full;
  if (group !== undefined && second === undefined) return group.arn;
  const listed = found.map(({ arn, targets }) => `${arn} has ${targets.map(nameOf).join(', ') || 'none'}`);
  const which = second === undefined ? 'no target group has' : 'more than one target group has';
  throw new Error(
    `${which} all instances of ${release} (${instances.map(placeOf).join(', ')}) registered: ${listed.join('; ')}`,
  );
}

/**
 * Whether the load balancer would send traffic there. A group that no rule uses is not looked at (`unused`): then nobody
 * knows, and switching is what begins its health checks.
 */
export async function healthyIn(
  { elb }: AlbReach,
  targetGroup: string,
): Promise<{ healthy: boolean; words: string }> {
  const targets = (await elb.targetHealth(targetGroup)).filter(stays);
  const waiting = targets.filter(
    ({ TargetHealth }) => !['healthy', 'unused'].includes(TargetHealth?.State ?? ''),
  );
  const words = targets.length === 0 ? 'no target is registered' : waiting.map(nameOf).join(', ');
  return { healthy: targets.length > 0 && waiting.length === 0, words };
}

function stays({ TargetHealth }: TargetHealthDescription): boolean {
  return !(TargetHealth?.State ?? '').endsWith('draining');
}

/** A target is an address (`ip`), or an EC2 instance whose id the deploy target must know. */
function is(target: TargetHealthDescription, instance: Instance): boolean {
  if (!stays(target)) return false;
  const { Id, Port } = target.Target ?? {};
  return Id === instance.id || `${Id}:${Port}` === placeOf(instance);
}

function placeOf({ url, id }: Instance): string {
  if (url === null) return id;
  const { hostname, port, protocol } = new URL(url);
  return `${hostname.replace(/^\[|\]$/g, '')}:${port || (protocol === 'https:' ? '443' : '80')}`;
}

function nameOf({ Target, TargetHealth }: TargetHealthDescription): string {
  const { State, Reason, Description } = TargetHealth ?? {};
  const why = [Reason, Description].filter(Boolean).join(' ');
  return `${Target?.Id}:${Target?.Port} ${State}${why === '' ? '' : ` (${why})`}`;
}
