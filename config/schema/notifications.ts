import { z } from 'zod';
import { email, flag, mapping, name, section, text, url } from './fields.ts';

export const notifications = section(
  'Who is told, and how. Without any channel, messages go to the console.',
  {
    ceo_alert: flag('Whether slack_webhook and email below are used', true).optional(),
    slack_webhook: url('An incoming webhook of Slack (a secret)').optional(),
    email: email('Needs the environment variable SMTP_URL').optional(),
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
