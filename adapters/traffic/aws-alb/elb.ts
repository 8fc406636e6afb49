import { isDeepStrictEqual } from 'node:util';
import type {
  Action,
  ElasticLoadBalancingV2Client,
  Rule,
  TargetHealthDescription,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { type AwsCall, awsCalls } from '../../aws/aws-call.ts';
import { refuseLinkLocal } from '../../http/guarded-agent.ts';
import type { AwsAlbOptions } from '../aws-alb.ts';
import type { Remembered } from './actions.ts';

const tagKeys = {
  release: 'rollback-release',
  targetGroup: 'rollback-target-group',
  stickinessSeconds: 'rollback-stickiness-seconds',
} as const;

/** The calls of Elastic Load Balancing that we make, each with a time limit and words for what went wrong. */
export interface Elb {
  /** Of a rule, or the default actions of a listener. */
  actions(rule: string): Promise<Action[]>;
  /** Changes nothing where it is so already. */
  setActions(rule: string, actions: Action[]): Promise<void>;
  tags(rule: string): Promise<Partial<Remembered>>;
  remember(rule: string, what: Partial<Remembered>): Promise<void>;
  targetHealth(targetGroup: string): Promise<TargetHealthDescription[]>;
  /** The other rules of the same listener. */
  otherRules(rule: string): Promise<Rule[]>;
}

type Sdk = typeof import('@aws-sdk/client-elastic-load-balancing-v2');

/** The SDK is loaded, and credentials are looked for, when the first call is made. */
export function createElb(options: AwsAlbOptions): (signal: AbortSignal) => Promise<Elb> {
  const { rule, timeoutMs = 20_000, endpoint } = options;
  const [, , service, region] = rule.split(':');
  if (service !== 'elasticloadbalancing' || region === undefined || region === '')
    throw new Error(`aws-alb: rule is "${rule}"; allowed is the ARN of a listener rule or of a listener`);
  let loaded: Promise<{ sdk: Sdk; client: ElasticLoadBalancingV2Client }> | null = null;
  const load = async () => {
    // Its connections are its own, since it has to reach link-local addresses itself, for its credentials.
    if (endpoint !== undefined) await refuseLinkLocal(endpoint);
    const sdk = await import('@aws-sdk/client-elastic-load-balancing-v2');
    return { sdk, client: new sdk.ElasticLoadBalancingV2Client({ region, endpoint, maxAttempts: 3 }) };
  };
  return async (signal) => {
    loaded ??= load();
    const { sdk, client } = await loaded;
    const call = awsCalls({ region, timeoutMs, permissions: 'elasticloadbalancing' }, signal);
    return elbOf(sdk, client, call);
  };
}

function elbOf(sdk: Sdk, client: ElasticLoadBalancingV2Client, call: AwsCall): Elb {
  const elb: Elb = {
    async actions(rule) {
      const found = isRule(rule)
        ? (
            await call('DescribeRules', (abortSignal) =>
              client.send(new sdk.DescribeRulesCommand({ RuleArns: [rule] }), { abortSignal }),
            )
          ).Rules?.[0]?.Actions
        : (
            await call('DescribeListeners', (abortSignal) =>
              client.send(new sdk.DescribeListenersCommand({ ListenerArns: [rule] }), { abortSignal }),
            )
          ).Listeners?.[0]?.DefaultActions;
      if (found === undefined || found.length === 0) throw new Error(`AWS told no actions of ${rule}`);
      return found;
    },
    async setActions(rule, actions) {
      if (isDeepStrictEqual(normal(await elb.actions(rule)), normal(actions))) return;
      if (isRule(rule))
        await call('ModifyRule', (abortSignal) =>
          client.send(new sdk.ModifyRuleCommand({ RuleArn: rule, Actions: actions }), { abortSignal }),
        );
      else
        await call('ModifyListener', (abortSignal) =>
          client.send(new sdk.ModifyListenerCommand({ ListenerArn: rule, DefaultActions: actions }), {
            abortSignal,
          }),
        );
    },
    async tags(rule) {
      const answer = await call('DescribeTags', (abortSignal) =>
        client.send(new sdk.DescribeTagsCommand({ ResourceArns: [rule] }), { abortSignal }),
      );
      const tags = new Map(answer.TagDescriptions?.[0]?.Tags?.map(({ Key, Value }) => [Key, Value]));
      const seconds = tags.get(tagKeys.stickinessSeconds);
      return {
        release: tags.get(tagKeys.release),
        targetGroup: tags.get(tagKeys.targetGroup),
        stickinessSeconds: seconds === undefined ? undefined : Number(seconds),
      };
    },
    async remember(rule, what) {
      const entries = Object.entries(what) as [keyof Remembered, string | number][];
      const Tags = entries.map(([key, value]) => ({ Key: tagKeys[key], Value: String(value) }));
      await call('AddTags', (abortSignal) =>
        client.send(new sdk.AddTagsCommand({ ResourceArns: [rule], Tags }), { abortSignal }),
      );
    },
    async targetHealth(targetGroup) {
      const answer = await call('DescribeTargetHealth', (abortSignal) =>
        client.send(new sdk.DescribeTargetHealthCommand({ TargetGroupArn: targetGroup }), { abortSignal }),
      );
      if (answer.TargetHealthDescriptions === undefined)
        throw new Error(`AWS told no targets of ${targetGroup}`);
      return answer.TargetHealthDescriptions;
    },
    async otherRules(rule) {
      const rules: Rule[] = [];
      let Marker: string | undefined;
      do {
        const page = await call('DescribeRules', (abortSignal) =>
          client.send(new sdk.DescribeRulesCommand({ ListenerArn: listenerOf(rule), Marker }), {
            abortSignal,
          }),
        );
        rules.push(...(page.Rules ?? []));
        Marker = page.NextMarker;
      } while (Marker !== undefined && Marker !== '');
      return rules.filter(({ RuleArn, IsDefault }) => (isRule(rule) ? RuleArn !== rule : IsDefault !== true));
    },
  };
  return elb;
}

const isRule = (arn: string) => arn.includes(':listener-rule/');

/** `…:listener-rule/app/shop/50dc/f2f7/9683` belongs to `…:listener/app/shop/50dc/f2f7`. */
function listenerOf(arn: string): string {
  return isRule(arn) ? arn.replace(':listener-rule/', ':listener/').replace(/\/[^/]+$/, '') : arn;
}

/** AWS writes a single target group twice, and fills in defaults. */
function normal(actions: readonly Action[]) {
  return actions.map(({ Type, ForwardConfig, TargetGroupArn, FixedResponseConfig }) => ({
    Type,
    groups: (ForwardConfig?.TargetGroups ?? [{ TargetGroupArn, Weight: 1 }]).map((group) => [
      group.TargetGroupArn,
      group.Weight ?? 1,
    ]),
    sticky:
      ForwardConfig?.TargetGroupStickinessConfig?.Enabled === true
        ? ForwardConfig.TargetGroupStickinessConfig.DurationSeconds
        : null,
    page: FixedResponseConfig?.MessageBody,
  }));
}
