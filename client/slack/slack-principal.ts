import type { Principal } from '../../domain/access.ts';
import type { SlackAppSettings } from '../../worker/slack-app-settings.ts';

/** Who pressed or typed, as Slack has proven them; Slack's own name of somebody who is not listed is no name of ours. */
export function slackPrincipal(userId: string, { users, defaultRole }: SlackAppSettings): Principal {
  const known = Object.hasOwn(users, userId) ? users[userId] : undefined;
  if (known === undefined)
    return { name: `Slack user ${userId}`, kind: 'person', grants: [{ role: defaultRole, product: null }] };
  const { name, role, product = null } = known;
  return { name, kind: 'person', grants: [{ role, product }] };
}
