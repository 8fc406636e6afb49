import type { SlackApp } from '../slack/slack-app.ts';
import type { App } from './app-types.ts';

/**
 * Where Slack sends presses and slash commands when an installation prefers HTTP to Socket Mode. No bearer token: each request is
 * signed by Slack.
 */
export function addSlackHooks(app: App, slack: Pick<SlackApp, 'handleHttp'>): void {
  for (const path of ['/hooks/slack/interactive', '/hooks/slack/commands'])
    app.post(path, async ({ req, text }) => {
      const header = (name: string) => req.header(name);
      const { status, body } = await slack.handleHttp({ header, rawBody: await req.text() });
      return text(body, status);
    });
}
