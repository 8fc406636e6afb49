import type { Action } from '@aws-sdk/client-elastic-load-balancing-v2';

/** What a rule's tags keep while it answers the maintenance page. */
export interface Remembered {
  readonly release?: string;
  readonly targetGroup?: string;
  readonly stickinessSeconds?: number;
}

export const pageBegin = 'Back soon: ';
const longestBody = 1_024;

/** The same actions with a maintenance page at their end: users sign in as before. */
export function stoppedActions(actions: readonly Action[], reason: string): Action[] {
  const FixedResponseConfig = {
    StatusCode: '503',
    ContentType: 'text/plain',
    MessageBody: `${pageBegin}${reason}`.slice(0, longestBody),
  };
  return withLast(actions, { Type: 'fixed-response', FixedResponseConfig });
}

/** The same actions with all traffic to one group at their end. The others keep a weight of 0, and so their health checks. */
export function forwardActions(
  actions: readonly Action[],
  targetGroups: readonly string[],
  { targetGroup, stickinessSeconds }: Remembered,
): Action[] {
  const TargetGroups = targetGroups.map((arn) => ({
    TargetGroupArn: arn,
    Weight: arn === targetGroup ? 100 : 0,
  }));
  const seconds =
    stickinessOf(actions) ??
    (targetGroupShares(actions) === 'fixed-response' ? stickinessSeconds : undefined);
  const sticky =
    seconds === undefined ? {} : { TargetGroupStickinessConfig: { Enabled: true, DurationSeconds: seconds } };
  return withLast(actions, { Type: 'forward', ForwardConfig: { TargetGroups, ...sticky } });
}

/** The groups that get traffic; none where it is sent elsewhere, as by a redirect. */
export function targetGroupShares(actions: readonly Action[]): 'fixed-response' | string[] {
  const last = lastOf(actions);
  if (last?.Type === 'fixed-response') return 'fixed-response';
  if (last?.Type !== 'forward') return [];
  const groups = last.ForwardConfig?.TargetGroups ?? [{ TargetGroupArn: last.TargetGroupArn, Weight: 1 }];
  return groups.filter(({ Weight = 1 }) => Weight > 0).map(({ TargetGroupArn = '' }) => TargetGroupArn);
}

export function stickinessOf(actions: readonly Action[]): number | null {
  const sticky = lastOf(actions)?.ForwardConfig?.TargetGroupStickinessConfig;
  return sticky?.Enabled === true ? (sticky.DurationSeconds ?? null) : null;
}

/** What decides must be the last; sign-in stays before it, with the secret that AWS does not tell. */
function withLast(actions: readonly Action[], last: Action): Action[] {
  const before = inOrder(actions)
    .slice(0, -1)
    .map((action) =>
      action.AuthenticateOidcConfig === undefined
        ? action
        : {
            ...action,
            AuthenticateOidcConfig: { ...action.AuthenticateOidcConfig, UseExistingClientSecret: true },
          },
    );
  return [...before, { ...last, Order: lastOf(actions)?.Order ?? before.length + 1 }];
}

function lastOf(actions: readonly Action[]): Action | undefined {
  return inOrder(actions).at(-1);
}

function inOrder(actions: readonly Action[]): Action[] {
  return actions.toSorted((a, b) => (a.Order ?? 0) - (b.Order ?? 0));
}
