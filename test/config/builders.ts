import { findingText } from '../../config/findings.ts';
import { type LoadOptions, type Parsed, parseConfig } from '../../config/load.ts';

/** Everything that `examples/rollback-config.yml` and the specification refer to. */
export const fullEnv = {
  SLACK_BOT_TOKEN: 'xoxb-1',
  SLACK_APP_TOKEN: 'xapp-1',
  SLACK_SIGNING_SECRET: 's1',
  PAGERDUTY_ROUTING_KEY: 'p1',
  SHOP_PAGERDUTY_KEY: 'p2',
  CDEVENTS_URL: 'https://events.example/sink',
  CDEVENTS_SECRET: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  SLACK_WEBHOOK_URL: 'https://hooks.slack.example/ceo',
  CEO_EMAIL: 'ceo@shop.example',
  SMTP_URL: 'smtp://mail.shop.example',
  ON_CALL_WEBHOOK_URL: 'https://on-call.example/hook',
  ON_CALL_WEBHOOK_SECRET: `whsec_${Buffer.alloc(24, 7).toString('base64')}`,
  WATCHDOG_URL: 'https://watchdog.example/ping',
  SHOP_SLACK_WEBHOOK_URL: 'https://hooks.slack.example/shop',
  SHOP_DATABASE_URL: 'postgres://shop',
  DEPLOY_TOKEN: 'deploy-token',
  DEPLOYER_TOKEN: 'deployer-token',
  DEPLOYER_SECRET: `whsec_${Buffer.alloc(24, 8).toString('base64')}`,
  GITHUB_TOKEN: 'github-token',
  GITHUB_WEBHOOK_SECRET: 'github-webhook-secret',
  OIDC_CLIENT_SECRET: 'oidc-secret',
  DD_API_KEY: 'datadog-key',
  DD_APP_KEY: 'datadog-application-key',
  FIGURES_KEY: 'figures-key',
  PROMETHEUS_TOKEN: 'prometheus-token',
};

/** Parses `c.yml` without saying anything about variables or the store unless asked to. */
export function parse(source: string, options: Partial<LoadOptions> = {}): Parsed {
  return parseConfig(source, { file: 'c.yml', ...options });
}

export function problemsIn(source: string, options: Partial<LoadOptions> = {}): string[] {
  return parse(source, options).problems.map(findingText);
}

export function warningsIn(source: string, options: Partial<LoadOptions> = {}): string[] {
  return parse(source, options).warnings.map(findingText);
}

/** The data of a text that must be valid. */
export function validData(source: string) {
  const { config, problems } = parse(source);
  if (config === null) throw new Error(problems.map(findingText).join('\n'));
  return config.data;
}

/** A product `shop` with one service `api`, indented text of further keys of the product below it. */
export function aProduct(more = '', service = ''): string {
  return [
    'products:',
    '  shop:',
    '    services:',
    '      api:',
    '        deploy_target: { kind: local-process, root: apps, command: [node, a.js], base_port: 4000 }',
    '        metrics: { kind: scrape, memory_limit_mb: 512 }',
    ...service
      .split('\n')
      .filter(Boolean)
      .map((line) => `        ${line}`),
    ...more
      .split('\n')
      .filter(Boolean)
      .map((line) => `    ${line}`),
    '',
  ].join('\n');
}
