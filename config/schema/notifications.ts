import { z } from 'zod';
import { roles } from '../../domain/access.ts';
import { email, flag, mapping, name, section, text, url } from './fields.ts';

const role = (description: string) => z.enum(roles, roles.join(', ')).describe(description);

/** A text that begins with one of these, or a reference; secrets are not shown where they do not. */
function beginsWith(prefix: string, description: string) {
  const allowed = `a text that begins with ${prefix}, or a reference like \${NAME}`;
  return z
    .string(allowed)
    .refine((value) => value.startsWith(prefix) || value.includes('${'), allowed)
    .describe(description);
}

const channelPattern = /^[CGD][A-Z0-9]{6,}$|\$\{/;
const channelRule = `the ID of a channel, like C0123456789, or a reference like \${NAME}`;

const slackApp = mapping({
  bot_token: beginsWith('xoxb-', 'Posts messages (a secret)'),
  channel: z.string(channelRule).regex(channelPattern, channelRule).describe('Where messages are posted'),
  app_token: beginsWith('xapp-', 'Hears buttons and commands by Socket Mode (a secret)').optional(),
  signing_secret: text('Proves buttons and commands that come over HTTP (a secret)').optional(),
  users: z
    .record(
      z.string().regex(/^[UW][A-Z0-9]{6,}$/, 'the ID of a member, like U0123456789'),
      mapping({
        name: text('As it stands in the timeline'),
        role: role('What they may do'),
        product: name('Only for this product').optional(),
      }),
      'a mapping from IDs of members, like U0123456789, to name and role',
    )
    .describe('Who may do what from Slack')
    .optional(),
  default_role: role('Of everybody else in the workspace').meta({ default: 'viewer' }).optional(),
  api_url: url('Another server than https://slack.com/api/, with a final slash').optional(),
});

/** Of the notifications, and of a product's owner. */
export const pagerduty = mapping({
  routing_key: text('The integration key of a service, Events API v2 (a secret)'),
  url: url('https://events.eu.pagerduty.com for accounts of the EU').optional(),
});

export const notifications = section(
  'Who is told, and how. Without any channel, messages go to the console.',
  {
    ceo_alert: flag('Whether slack_webhook and email below are used', true).optional(),
    slack_webhook: url('An incoming webhook of Slack (a secret)').optional(),
    email: email('Needs the environment variable SMTP_URL').optional(),
    slack_app: slackApp.describe('A Slack app of yours: threads, buttons, commands').optional(),
    pagerduty: pagerduty.describe('Alerts and change events').optional(),
    cdevents: mapping({
      url: url('Receives deployments, rollbacks and incidents as CloudEvents (a secret)'),
      secret: text('Signs them as Standard Webhooks').optional(),
    })
      .describe('For machines: CDEvents')
      .optional(),
    webhooks: z
      .array(
        mapping({
          name: name('Channel webhook:<name>'),
          url: url('Receives each message as JSON (a secret)'),
          secret: text('Signs messages as Standard Webhooks').optional(),
        }),
        'a list of webhooks, each with name and url',
      )
      .optional(),
    watchdog_url: url('Called each minute while every watch works: a dead-man switch (a secret)').optional(),
  },
);
