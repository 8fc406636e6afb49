import { createServer } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type AwsAlbOptions, createAwsAlbTraffic } from '../../../adapters/traffic/aws-alb.ts';
import type { TrafficControl } from '../../../adapters/traffic/traffic-control.ts';
import type { Instance } from '../../../domain/live.ts';
import { cleanUp } from '../temporary.ts';
import { aBackend, listenOn } from './backends.ts';
import {
  blue,
  errorXml,
  forwardTo,
  green,
  listenerArn,
  ruleArn,
  type Scripted,
  startElb,
} from './elb-server.ts';
import { describeTrafficControl } from './traffic-control.contract.ts';

const signal = AbortSignal.timeout(600_000);
const stop = { reason: 'back soon', retryAfterSeconds: 30, signal };

beforeAll(() => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret-key-of-the-test');
});
afterAll(() => void vi.unstubAllEnvs());

type ElbServer = Awaited<ReturnType<typeof startElb>>;

function aTraffic({ endpoint }: ElbServer, change: Partial<AwsAlbOptions> = {}): TrafficControl {
  return createAwsAlbTraffic({
    rule: ruleArn,
    targetGroups: [blue, green],
    endpoint,
    inForceWithinMs: 3_000,
    ...change,
  });
}

const targetOf = ({ url }: Instance, state = 'healthy') => {
  const { hostname, port } = new URL(String(url));
  return { host: hostname, port: Number(port), state };
};

/** As whoever deploys does: the group that is not in use gets the instances of the next release. */
function withDeployments(elb: ElbServer, traffic: TrafficControl): TrafficControl {
  return {
    ...traffic,
    resume(service, request) {
      const targets = request.instances
        .filter(({ running, url }) => running && url !== null)
        .map((instance) => targetOf(instance));
      const registered = Object.values(elb.state.targets).some(
        (group) => JSON.stringify(group) === JSON.stringify(targets),
      );
      const idle = elb.state.tags['rollback-target-group'] === blue ? green : blue;
      if (!registered && targets.length > 0 && !request.signal.aborted) elb.state.targets[idle] = targets;
      return traffic.resume(service, request);
    },
  };
}

describeTrafficControl(
  'AWS ALB',
  async () => {
    const elb = await startElb({ propagationMs: 100 });
    return { url: elb.url, traffic: withDeployments(elb, aTraffic(elb, { url: elb.url })) };
  },
  { withoutRetryAfter: true },
);

describe('AWS ALB', { timeout: 30_000 }, () => {
  afterEach(cleanUp);

  async function blueAndGreen() {
    const elb = await startElb();
    const [v1, v2] = [await aBackend('v1'), await aBackend('v2')];
    elb.state.targets = { [blue]: [targetOf(v1)], [green]: [targetOf(v2)] };
    const resume = (instance: Instance) => ({
      release: String(instance.release),
      instances: [instance],
      signal,
    });
    return { elb, v1, v2, resume, traffic: aTraffic(elb) };
  }

  it('asks as documented: query protocol, API version, signature of the region', async () => {
    const { elb, traffic, resume, v2 } = await blueAndGreen();
    await traffic.resume('api', resume(v2));
    const modify = elb.calls.find(({ Action }) => Action === 'ModifyRule');
    expect(modify).toMatchObject({
      Version: '2015-12-01',
      RuleArn: ruleArn,
      'Actions.member.1.Type': 'forward',
      'Actions.member.1.ForwardConfig.TargetGroups.member.1.TargetGroupArn': blue,
      'Actions.member.1.ForwardConfig.TargetGroups.member.1.Weight': '0',
      'Actions.member.1.ForwardConfig.TargetGroups.member.2.TargetGroupArn': green,
      'Actions.member.1.ForwardConfig.TargetGroups.member.2.Weight': '100',
    });
    expect(modify?.authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-central-1\/elasticloadbalancing\/aws4_request/,
    );
    await traffic.stop('api', stop);
    expect(elb.calls.findLast(({ Action }) => Action === 'ModifyRule')).toMatchObject({
      'Actions.member.1.Type': 'fixed-response',
      'Actions.member.1.FixedResponseConfig.StatusCode': '503',
      'Actions.member.1.FixedResponseConfig.ContentType': 'text/plain',
      'Actions.member.1.FixedResponseConfig.MessageBody': 'Back soon: back soon',
    });
  });

  it('changes nothing where it is so already', async () => {
    const { elb, traffic, resume, v1 } = await blueAndGreen();
    for (const _twice of [1, 2]) await traffic.resume('api', resume(v1));
    for (const _twice of [1, 2]) await traffic.stop('api', stop);
    expect(elb.calls.filter(({ Action }) => Action === 'ModifyRule')).toHaveLength(2);
  });

  it('keeps sign-in before the page, and the stickiness of the groups through maintenance', async () => {
    const { elb, traffic, resume, v1 } = await blueAndGreen();
    const signIn = {
      Type: 'authenticate-oidc',
      Order: '1',
      AuthenticateOidcConfig: { Issuer: 'https://id.example', ClientId: 'shop' },
    };
    const sticky = { Enabled: 'true', DurationSeconds: '3600' };
    const groups = [
      { TargetGroupArn: blue, Weight: '1' },
      { TargetGroupArn: green, Weight: '0' },
    ];
    elb.set([
      signIn,
      {
        Type: 'forward',
        Order: '2',
        ForwardConfig: { TargetGroups: groups, TargetGroupStickinessConfig: sticky },
      },
    ]);
    await traffic.stop('api', stop);
    expect(elb.state.actions).toMatchObject([
      {
        Type: 'authenticate-oidc',
        AuthenticateOidcConfig: { ClientId: 'shop', UseExistingClientSecret: 'true' },
      },
      { Type: 'fixed-response', Order: '2' },
    ]);
    await traffic.resume('api', resume(v1));
    expect(elb.state.actions).toMatchObject([
      { Type: 'authenticate-oidc' },
      { Type: 'forward', Order: '2', ForwardConfig: { TargetGroupStickinessConfig: sticky } },
    ]);
  });

  it('switches the default action of a listener', async () => {
    const { elb, resume, v2 } = await blueAndGreen();
    const traffic = aTraffic(elb, { rule: listenerArn });
    await traffic.stop('api', stop);
    expect(elb.state.defaultActions).toMatchObject([{ Type: 'fixed-response' }]);
    expect(await traffic.state('api', signal)).toEqual({ maintenance: true, weights: {} });
    await traffic.resume('api', resume(v2));
    expect(await traffic.state('api', signal)).toEqual({ maintenance: false, weights: { v2: 100 } });
    expect(elb.state.actions).toEqual([forwardTo(blue)]);
  });

  it('does not claim to know a release when somebody has changed the rule by hand', async () => {
    const { elb, traffic, resume, v1 } = await blueAndGreen();
    await traffic.resume('api', resume(v1));
    elb.set([forwardTo(green)]);
    expect(await traffic.state('api', signal)).toEqual({ maintenance: false, weights: {} });
    elb.set([{ Type: 'redirect', RedirectConfig: { StatusCode: 'HTTP_302', Host: 'status.example' } }]);
    expect(await traffic.state('api', signal)).toEqual({ maintenance: false, weights: {} });
  });

  it('waits until the load balancer calls the targets healthy, and leaves traffic as it is when it does not', async () => {
    const { elb, traffic, resume, v2 } = await blueAndGreen();
    elb.state.targets[green] = [targetOf(v2, 'initial')];
    setTimeout(() => {
      elb.state.targets[green] = [targetOf(v2)];
    }, 300);
    await traffic.resume('api', resume(v2));
    elb.set([forwardTo(blue)]);
    elb.state.targets[green] = [{ ...targetOf(v2, 'unhealthy'), reason: 'Target.FailedHealthChecks' }];
    await expect(traffic.resume('api', resume(v2))).rejects.toThrow(
      /sends nothing to .*green.*: 127\.0\.0\.1:\d+ unhealthy \(Target\.FailedHealthChecks Health checks failed\); traffic stays as it is/,
    );
    expect(elb.state.actions).toEqual([forwardTo(blue)]);
  });

  it('finds instances by address or by EC2 id, and says where they are not', async () => {
    const { elb, traffic, v1, v2 } = await blueAndGreen();
    elb.state.targets[green] = [{ host: 'i-0f76fade', port: 80, state: 'healthy' }];
    const byId = { ...v2, id: 'i-0f76fade' };
    await traffic.resume('api', { release: 'v2', instances: [byId], signal });
    expect((await traffic.state('api', signal)).weights).toEqual({ v2: 100 });
    await expect(traffic.resume('api', { release: 'v3', instances: [v1, byId], signal })).rejects.toThrow(
      /no target group has all instances of v3 \(127\.0\.0\.1:\d+, 127\.0\.0\.1:\d+\) registered: .*blue.* has 127.*; .*green.* has i-0f76fade:80 healthy/,
    );
    elb.state.targets[blue] = [targetOf(v1), targetOf(v2)];
    elb.state.targets[green] = [targetOf(v2)];
    await expect(traffic.resume('api', { release: 'v2', instances: [v2], signal })).rejects.toThrow(
      'more than one target group has',
    );
    elb.state.targets[blue] = [targetOf(v1), targetOf(v2, 'draining')];
    await traffic.resume('api', { release: 'v2', instances: [v2], signal });
  });

  it('takes the only group whatever is registered there, and refuses an empty one', async () => {
    const { elb, v1, v2 } = await blueAndGreen();
    const traffic = aTraffic(elb, { targetGroups: [blue], inForceWithinMs: 100 });
    await traffic.resume('api', { release: 'v2', instances: [v2], signal });
    expect(elb.state.tags).toMatchObject({ 'rollback-release': 'v2', 'rollback-target-group': blue });
    elb.state.targets[blue] = [targetOf(v1, 'draining')];
    await expect(traffic.resume('api', { release: 'v2', instances: [v2], signal })).rejects.toThrow(
      'no target is registered',
    );
  });

  it('says when the switch is not seen at the address of the service', async () => {
    const { elb } = await blueAndGreen();
    const other = createServer((_request, response) => response.end('still the old one'));
    const url = `http://127.0.0.1:${await listenOn(other)}`;
    const traffic = aTraffic(elb, { url, inForceWithinMs: 500 });
    await expect(traffic.stop('api', stop)).rejects.toThrow(
      /does not show maintenance 500 ms after the switch: traffic/,
    );
    const gone = aTraffic(elb, { url: 'http://127.0.0.1:1', inForceWithinMs: 300 });
    await expect(gone.stop('api', { ...stop, reason: 'x' })).rejects.toThrow(
      /does not show maintenance.*ECONNREFUSED/,
    );
  });

  it('warns of groups that nothing would check in maintenance, and of groups without targets', async () => {
    const elb = await startElb({ anchored: false });
    const failing = ((await aTraffic(elb).checks?.('api', signal)) ?? [])
      .filter(({ ok }) => !ok)
      .map(({ detail }) => detail);
    expect(failing).toEqual([
      `no target is registered in ${blue} or ${green}`,
      `no other rule of the listener forwards to ${green}: add one for a host that nobody asks for, see docs/traffic.md`,
    ]);
  });

  it('refuses what is no ARN', () => {
    expect(() => createAwsAlbTraffic({ rule: 'shop', targetGroups: [blue] })).toThrow(
      'aws-alb: rule is "shop"; allowed is the ARN of a listener rule or of a listener',
    );
  });
});

describe('AWS ALB, when AWS does not do it', { timeout: 30_000 }, () => {
  afterEach(cleanUp);

  const refusal = (status: number, code: string, message: string): Scripted => ({
    status,
    body: errorXml(code, message),
  });
  const faults: [string, Scripted[], RegExp][] = [
    [
      'throttling for good',
      Array(3).fill(refusal(400, 'Throttling', 'Rate exceeded')),
      /refused DescribeRules in eu-central-1: HTTP 400 Throttling: Rate exceeded \(3 attempts\)$/,
    ],
    [
      'a lack of rights',
      [refusal(403, 'AccessDenied', 'User: x is not authorized to perform')],
      /HTTP 403 AccessDenied: User: x is not.*; the worker needs elasticloadbalancing:DescribeRules$/,
    ],
    [
      'an expired token',
      [refusal(403, 'ExpiredToken', 'The security token included in the request is expired')],
      /HTTP 403 ExpiredToken: .*expired; the worker's credentials for AWS must be renewed/,
    ],
    [
      'a wrong key',
      [refusal(403, 'InvalidClientTokenId', 'The security token included in the request is invalid')],
      /InvalidClientTokenId.*must be renewed/,
    ],
    [
      'a rule that is gone',
      [refusal(400, 'RuleNotFound', 'One or more rules not found')],
      /HTTP 400 RuleNotFound.*: One or more rules not found$/,
    ],
    [
      'a server error for good',
      Array(3).fill({ status: 503, body: '<html>Service Unavailable</html>', type: 'text/html' }),
      /HTTP 503 .*\(3 attempts\)$/,
    ],
    [
      'HTML in place of XML',
      [{ status: 200, body: '<!doctype html><h1>Sign in to the guest network</h1>', type: 'text/html' }],
      /refused DescribeRules|told no actions/,
    ],
    ['an empty answer', [{ status: 200, body: '' }], /told no actions of|refused DescribeRules/],
    [
      'an answer that is cut off',
      Array(3).fill({ status: 200, body: `${errorXml('x', 'y')}`, cutAt: 60 }),
      /refused DescribeRules in eu-central-1/,
    ],
    ['silence', [null], /did not answer DescribeRules in eu-central-1 within 1500 ms/],
  ];

  it.for(faults)('says so of %s', async ([, answers, words]) => {
    const elb = await startElb();
    elb.scripted.push(...answers);
    const traffic = aTraffic(elb, { timeoutMs: answers[0] === null ? 1_500 : 10_000 });
    const error = await traffic.stop('api', stop).catch((reason: Error) => reason);
    expect((error as Error).message).toMatch(words);
    expect((error as Error).message).not.toContain('secret-key-of-the-test');
    expect(elb.state.actions).toEqual([forwardTo(blue)]);
  });

  it.for([
    ['throttling', refusal(400, 'Throttling', 'Rate exceeded')],
    ['a server error', { status: 500, body: errorXml('InternalFailure', 'An internal error has occurred') }],
    ['an answer that is cut off', { status: 200, body: errorXml('x', 'y'), cutAt: 60 }],
  ] as [string, Scripted][])('goes on after %s that passes', async ([, answer]) => {
    const elb = await startElb();
    elb.scripted.push(answer);
    await aTraffic(elb).stop('api', stop);
    expect((await aTraffic(elb).state('api', signal)).maintenance).toBe(true);
  });

  it('says that there are no credentials', async () => {
    const elb = await startElb();
    vi.stubEnv('AWS_ACCESS_KEY_ID', undefined);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', undefined);
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nowhere');
    vi.stubEnv('AWS_CONFIG_FILE', '/nowhere');
    await expect(aTraffic(elb).state('api', signal)).rejects.toThrow(
      /CredentialsProviderError: .*; the worker's credentials/,
    );
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret-key-of-the-test');
  });

  it('asks no link-local endpoint, and no link-local node whether it shows the page', async () => {
    const refused = '169.254.1.1 is a link-local address, where clouds keep their metadata: it is not asked';
    const traffic = createAwsAlbTraffic({
      rule: ruleArn,
      targetGroups: [blue],
      endpoint: 'http://169.254.1.1',
    });
    await expect(traffic.state('api', signal)).rejects.toThrow(refused);
    const shown = aTraffic(await startElb(), { url: 'http://169.254.1.1/', inForceWithinMs: 60_000 });
    await expect(shown.stop('api', stop)).rejects.toThrow(refused);
  });

  it('stops with the step, in the middle of a call', async () => {
    const elb = await startElb();
    elb.scripted.push(null);
    const startedMs = performance.now();
    await expect(aTraffic(elb).state('api', AbortSignal.timeout(200))).rejects.toThrow(/timeout/);
    expect(performance.now() - startedMs).toBeLessThan(2_000);
  });
});
