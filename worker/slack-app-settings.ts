import type { Config } from '../config/load.ts';
import type { Env } from '../config/references.ts';
import type { Role } from '../domain/access.ts';

/** What the configuration says of the Slack app, references resolved. */
export interface SlackAppSettings {
  /** Opens the connection to Slack; `null`: Slack asks over HTTP. */
  readonly appToken: string | null;
  readonly botToken: string;
  /** Proves requests over HTTP; `null`: none is taken. */
  readonly signingSecret: string | null;
  readonly users: Readonly<Record<string, SlackUser>>;
  readonly defaultRole: Role;
  /** Another server than Slack's, with a final slash. */
  readonly apiUrl?: string | undefined;
}

export interface SlackUser {
  /** As they stand in the timeline. */
  readonly name: string;
  readonly role: Role;
  /** Absent: every product. */
  readonly product?: string | undefined;
}

/** Of the newest configuration; `null` where there is no app, or a variable of it is not set. */
export function slackAppSettings(config: Config, env: Env): SlackAppSettings | null {
  const app = config.data.rollback_policy?.notifications?.slack_app;
  if (app === undefined) return null;
  const text = (written: string | undefined) => (written === undefined ? null : config.text(written, env));
  try {
    return {
      appToken: text(app.app_token),
      botToken: config.text(app.bot_token, env),
      signingSecret: text(app.signing_secret),
      users: app.users ?? {},
      defaultRole: app.default_role ?? 'viewer',
      apiUrl: text(app.api_url) ?? undefined,
    };
  } catch {
    return null;
  }
}
