import { describe, expect, it } from 'vitest';
import { aProduct, fullEnv, parse, problemsIn, warningsIn } from './builders.ts';

const notifications = (line: string) => `rollback_policy:\n  notifications:\n    ${line}\n`;
const slack = notifications(`slack_webhook: "\${SLACK_WEBHOOK_URL}"`);

describe('a reference to a variable', () => {
  it.each([
    ['is replaced', `\${A}`, 'one'],
    ['is replaced within a text, several times', `x-\${A}-\${B}-\${A}`, 'x-one-two-one'],
    ['is plain text after a second dollar', `$\${A}`, `\${A}`],
    ['is not replaced again within a value', `\${NESTED}`, `\${A}`],
    ['needs its braces', '$A', '$A'],
  ])('%s', (_name, written, expected) => {
    const env = { A: 'one', B: 'two', NESTED: `\${A}` };
    expect(parse('').config?.text(written, env)).toBe(expected);
  });

  it('stays as it is written until it is used', () => {
    expect(parse(slack, { env: fullEnv }).config?.data.rollback_policy?.notifications?.slack_webhook).toBe(
      `\${SLACK_WEBHOOK_URL}`,
    );
  });

  it('fails when it is used and not set, naming variable and line', () => {
    const { config } = parse(slack, { file: '/etc/c.yml' });
    const message = 'the environment variable SLACK_WEBHOOK_URL is not set; c.yml:3 refers to it';
    expect(() => config?.text(`\${SLACK_WEBHOOK_URL}`, {})).toThrow(message);
    expect(() => config?.text(`\${SLACK_WEBHOOK_URL}`, { SLACK_WEBHOOK_URL: '' })).toThrow(message);
  });

  it('within a path is put in before the path is made absolute', () => {
    const { config } = parse('', { file: '/etc/rollback/c.yml' });
    expect(config?.path(`\${A}/x`, { A: 'apps' })).toBe('/etc/rollback/apps/x');
    expect(config?.path(`\${A}/x`, { A: '/srv' })).toBe('/srv/x');
  });

  it.each([[`\${A:-default}`], [`\${}`], [`\${A`], [`\${1A}`]])('that reads %s is a problem', (written) => {
    expect(problemsIn(`incidents_folder: "${written}"\n`)).toEqual([
      `c.yml:1:19: incidents_folder: found a reference that is not one; allowed: \${NAME} with letters, digits and "_" (and $\${ for a plain \${)`,
    ]);
  });
});

describe('a variable that is not set', () => {
  const missing = (place: string, name: string) =>
    `c.yml:${place}: found a reference to the environment variable ${name}, which is not set; allowed: one that is set`;
  const shopEnv = `deploy_target: { kind: command, live: [a], restorable: [a], restore: [a], restart: [a, "\${X}"] }`;
  const job = (more: string) =>
    `products:\n  shop:\n    services:\n      job:\n        ${shopEnv}\n        metrics: { kind: scrape, memory_limit_mb: 1 }\n${more}`;

  it('is a problem with its line', () => {
    expect(problemsIn(slack, { env: {} })).toEqual([
      missing('3:20: rollback_policy.notifications.slack_webhook', 'SLACK_WEBHOOK_URL'),
    ]);
    expect(problemsIn(slack, { env: { SLACK_WEBHOOK_URL: '' } })).toHaveLength(1);
    expect(problemsIn(job(''), { env: {} })).toEqual([
      missing('5:96: products.shop.services.job.deploy_target.restart[1]', 'X'),
    ]);
  });

  it('still leaves a configuration that can be used elsewhere', () => {
    expect(parse(slack, { env: {} }).config).not.toBeNull();
  });

  it.each([
    ['Slack while ceo_alert is false', `${slack}    ceo_alert: false\n`],
    ['e-mail without a mail server', notifications(`email: "\${CEO_EMAIL}"`)],
    ['an owner’s e-mail without a mail server', aProduct(`owner: { name: Ada, email: "\${ADA}" }`)],
    ['a service that is disabled', job('        enabled: false\n')],
  ])('is no problem for %s', (_name, source) => {
    expect(problemsIn(source, { env: {} })).toEqual([]);
  });

  it('is a problem for e-mail with a mail server', () => {
    expect(problemsIn(notifications(`email: "\${CEO_EMAIL}"`), { env: { SMTP_URL: 'smtp://m' } })).toEqual([
      missing('3:12: rollback_policy.notifications.email', 'CEO_EMAIL'),
    ]);
  });

  it('is a warning for GitHub, which is then not used', () => {
    const source = `github: { owner: a, repo: b, token: "\${GITHUB_TOKEN}" }\n`;
    expect(problemsIn(source, { env: {} })).toEqual([]);
    expect(warningsIn(source, { env: {} })).toEqual([
      'c.yml:1:37: github.token: the environment variable GITHUB_TOKEN is not set: no issues are opened, reports go to incidents_folder',
    ]);
  });
});
