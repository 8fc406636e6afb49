import { z } from 'zod';
import { defaultEnvironment } from '../../domain/identity.ts';
import { email, mapping, name, section, text, url } from './fields.ts';
import { pagerduty } from './notifications.ts';
import { policyShape } from './policy.ts';
import { serviceSettings } from './service.ts';

export const productSettings = mapping({
  environment: name('Part of the identity of the product').meta({ default: defaultEnvironment }).optional(),
  owner: section('Who is alerted and reviews incidents.', {
    name: text('Of a person or team'),
    email: email('Needs the environment variable SMTP_URL').optional(),
    slack_webhook: url('An incoming webhook of Slack (a secret)').optional(),
    pagerduty: pagerduty.describe('Alerts and change events of this product').optional(),
    github: text('Assigned to incidents when there is no support_engineer', 'a GitHub login').optional(),
  }),
  neighbours: z
    .array(name('A product'), 'a list of products')
    .describe('Untouched products on the same infrastructure: when they are sick, too, it is not the release')
    .optional(),
  worker_group: name('Only workers of this group touch its hosts; needs PostgreSQL').optional(),
  services: z.record(name('A service'), serviceSettings, 'a mapping from names to services'),
  policy: section('Overrides rollback_policy for this product.', policyShape),
});

export type ProductSettings = z.infer<typeof productSettings>;
