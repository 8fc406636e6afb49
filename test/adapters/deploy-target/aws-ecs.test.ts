import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type AwsEcsOptions, createAwsEcsTarget } from '../../../adapters/deploy-target/aws-ecs.ts';
import { cleanUp, eventually } from '../temporary.ts';
import { describeDeployTarget } from './deploy-target.contract.ts';
import { definitionArn, type EcsServer, refusal, type Scripted, serviceArn, startEcs } from './ecs-server.ts';
import { aStep } from './sample-service.ts';

const signal = AbortSignal.timeout(600_000);

beforeAll(() => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret-key-of-the-test');
});
afterAll(() => void vi.unstubAllEnvs());

const aTarget = ({ endpoint }: EcsServer, change: Partial<AwsEcsOptions> = {}) =>
  createAwsEcsTarget({ service: serviceArn, endpoint, pollMs: 20, ...change });

const image = (tag: string) => `123456789012.dkr.ecr.eu-central-1.amazonaws.com/api:${tag}`;
const placeholder = 'public.ecr.aws/docker/library/busybox';

/** A service as infrastructure code makes it before the first deployment: its placeholder does not start. */
async function aService(options?: Parameters<typeof startEcs>[0]) {
  const ecs = await startEcs(options);
  ecs.deploy(ecs.register(placeholder, { starts: false }));
  return ecs;
}

describeDeployTarget('aws-ecs', async () => {
  const ecs = await aService();
  const running = () => ecs.state.tasks.filter(({ lastStatus }) => lastStatus === 'RUNNING');
  return {
    target: aTarget(ecs),
    restoreRollsOut: true,
    lay: async (release) => void ecs.register(image(release)),
    layUnusable: async (release) => {
      ecs.register(image(release));
      Object.assign(ecs.definitions.at(-1) as object, { status: 'INACTIVE' });
    },
    missing: (release) => `newest active revisions of shop-api is ${release}`,
    async whoIs({ id }) {
      const task = running().find(({ taskArn }) => taskArn.endsWith(`/${id}`));
      const definition = ecs.definitions.find(
        ({ taskDefinitionArn }) => taskDefinitionArn === task?.taskDefinitionArn,
      );
      if (task === undefined || definition === undefined) throw new Error(`no task ${id} is running`);
      return {
        identity: task.taskArn,
        release: String(definition.containerDefinitions[0]?.image).split(':')[1] ?? '',
      };
    },
    async crash(identity) {
      const task = running().find(({ taskArn }) => taskArn === identity);
      if (task !== undefined) ecs.end(task, 'Essential container in task exited', 137);
    },
  };
});

/** v1 and v2 are known, and one of them runs. */
async function running(release: 'v1' | 'v2', options?: Parameters<typeof startEcs>[0]) {
  const ecs = await startEcs(options);
  const [v1, v2] = [ecs.register(image('v1')), ecs.register(image('v2'))];
  ecs.deploy(release === 'v1' ? v1 : v2);
  await eventually(() => ecs.primary()?.rolloutState === 'COMPLETED');
  ecs.calls.splice(0);
  return { ecs, v1, v2, target: aTarget(ecs) };
}

const named = (ecs: EcsServer, name: string) =>
  ecs.calls.filter((call) => call.name === name).map(({ body }) => body);

describe('a service of Amazon ECS', { timeout: 20_000 }, () => {
  afterEach(cleanUp);

  it('is asked as documented: JSON 1.1, signature of the region', async () => {
    const { ecs, target } = await running('v2');
    await target.restore('api', 'v1', aStep('INC-1/1/1'));
    await target.restart('api', aStep('INC-1/1/1'));
    expect(named(ecs, 'UpdateService')).toEqual([
      { cluster: 'shop', service: 'api', taskDefinition: definitionArn(1) },
    ]);
    expect(named(ecs, 'DescribeServices')[0]).toEqual({
      cluster: 'shop',
      services: ['api'],
      include: ['TAGS'],
    });
    expect(ecs.calls[0]?.authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-central-1\/ecs\/aws4_request/,
    );
    expect(ecs.state.tags['rollback-step']).toMatch(/^INC-1\/1\/1 after ecs-svc\/7+1 to 1$/);
  });

  it('tells tasks with the addresses that awsvpc gives them, and the task definition as recipe', async () => {
    const { ecs, v2 } = await running('v2');
    const live = await aTarget(ecs, { port: 8080 }).live('api', signal);
    expect(live).toMatchObject({ configured: 'v2', recipe: v2 });
    expect(live.instances).toEqual([
      {
        id: expect.stringMatching(/^\d{32}$/),
        release: 'v2',
        running: true,
        url: expect.stringMatching(/^http:\/\/10\.0\.0\.\d+:8080$/),
      },
      expect.objectContaining({ running: true }),
    ]);
  });

  it('takes the word of the health check of the container where nobody can ask the task', async () => {
    const { ecs, target } = await running('v2');
    Object.assign(ecs.state.tasks[0] as object, { healthStatus: 'UNHEALTHY' });
    expect((await target.live('api', signal)).instances[0]).toMatchObject({
      running: false,
      trouble: 'the health check of its container fails',
    });
    expect((await aTarget(ecs, { port: 80 }).live('api', signal)).instances[0]?.running).toBe(true);
  });

  it('shows each task that is missing, and why the last one ended', async () => {
    const { ecs, target } = await running('v2');
    ecs.state.still = true;
    ecs.end(ecs.state.tasks[0] as never, 'Essential container in task exited', 137);
    expect((await target.live('api', signal)).instances).toEqual([
      expect.objectContaining({ release: 'v2', running: true }),
      {
        id: 'api 2 of 2',
        release: null,
        running: false,
        url: null,
        trouble: 'Essential container in task exited; api: exit code 137',
      },
    ]);
  });

  it('shows what the scheduler complains of where no task came to be', async () => {
    const ecs = await startEcs();
    ecs.state.still = true;
    ecs.deploy(ecs.register(image('v1')));
    const message =
      '(service api) was unable to place a task because no container instance met all of its requirements.';
    ecs.state.events.push({ id: '1', createdAt: Date.now() / 1_000 + 1, message });
    expect((await aTarget(ecs).live('api', signal)).instances[1]?.trouble).toBe(
      'was unable to place a task because no container instance met all of its requirements.',
    );
  });

  it('lists more tasks than fit on a page', async () => {
    const { ecs, target } = await running('v2');
    const [task] = ecs.state.tasks;
    ecs.state.still = true;
    for (let i = 0; i < 148; i += 1)
      ecs.state.tasks.push({ ...(task as object), taskArn: `${task?.taskArn}${i}` } as never);
    expect((await target.live('api', signal)).instances).toHaveLength(150);
  });

  it('puts back the task definition that was recorded, not the newest of the same name', async () => {
    const { ecs, target, v1 } = await running('v2');
    ecs.register(image('v1'));
    await target.restore('api', 'v1', { ...aStep('k'), recipe: v1 });
    expect(ecs.primary()?.taskDefinition).toBe(v1);
    expect(await target.restorable('api', 'v1', signal, v1)).toEqual({
      restorable: true,
      reason: 'v1 is shop-api:1, as recorded',
    });
  });

  it('says that a recorded task definition was deregistered or deleted', async () => {
    const { ecs, target, v1 } = await running('v2');
    Object.assign(ecs.definitions[0] as object, { status: 'INACTIVE' });
    expect(await target.restorable('api', 'v1', signal, v1)).toEqual({
      restorable: false,
      reason:
        'v1 was shop-api:1, which is INACTIVE: a service cannot be given it any more; register it again',
    });
    expect((await target.restorable('api', 'v0', signal, definitionArn(99))).reason).toBe(
      'v0 was shop-api:99, which is deleted',
    );
    await expect(target.restore('api', 'v1', { ...aStep('k'), recipe: v1 })).rejects.toThrow(
      'cannot restore: v1 was shop-api:1, which is INACTIVE',
    );
  });

  it('may call a release by revision or digest, and wants to know the container where there are several', async () => {
    const { ecs } = await running('v2');
    expect((await aTarget(ecs, { from: 'revision' }).live('api', signal)).configured).toBe('2');
    const digest = `api@sha256:${'3f2a90c1d2e4'.padEnd(64, '0')}`;
    ecs.deploy(ecs.register(digest, { others: [{ name: 'envoy', image: 'envoy:v1.30' }] }));
    await expect(aTarget(ecs).live('api', signal)).rejects.toThrow(
      'shop-api:3 has several containers (api, envoy): say in "container" whose image is the release',
    );
    const live = await aTarget(ecs, { from: 'digest', container: 'api' }).live('api', signal);
    expect(live.configured).toBe('3f2a90c1d2e4');
    await expect(aTarget(ecs, { container: 'web' }).live('api', signal)).rejects.toThrow(
      'has no container web with an image; it has api, envoy',
    );
  });

  it('does not begin a rollout twice when the worker is killed after it', async () => {
    const { ecs, target } = await running('v2');
    await target.restore('api', 'v1', aStep('k'));
    await target.restore('api', 'v1', aStep('k'));
    await target.restart('api', aStep('k'));
    await target.restart('api', aStep('k'));
    expect(named(ecs, 'UpdateService')).toHaveLength(1);
  });

  it('begins a rollout that a killed worker had only announced', async () => {
    const { ecs, target } = await running('v2');
    ecs.state.tags['rollback-step'] = `k after ${ecs.primary()?.id} to 2`;
    await target.restart('api', aStep('k'));
    expect(named(ecs, 'UpdateService')).toEqual([
      { cluster: 'shop', service: 'api', forceNewDeployment: true },
    ]);
  });

  it('fails with the words of the platform when tasks do not start', async () => {
    const { ecs, target } = await running('v2');
    const broken = ecs.register(image('v0'), { starts: false });
    await target.restore('api', 'v0', { ...aStep('k'), recipe: broken });
    await expect(target.restart('api', aStep('k'))).rejects.toThrow(
      /^api does not get there \(0 of 2 tasks run shop-api:3, 2 of shop-api:2 still, .*\): .*CannotPullContainerError: pull image manifest/,
    );
  });

  it('fails with the words of a circuit breaker that rolls nothing back', async () => {
    const { ecs, target } = await running('v2', { circuitBreaker: { enable: true, rollback: false } });
    const broken = ecs.register(image('v0'), { starts: false });
    await target.restore('api', 'v0', { ...aStep('k'), recipe: broken });
    await expect(target.restart('api', aStep('k'))).rejects.toThrow(
      /ECS deployment circuit breaker: tasks failed to start\.; CannotPullContainerError/,
    );
  });

  it('says that the service was given something else meanwhile', async () => {
    const { ecs, target, v2 } = await running('v2');
    await target.restore('api', 'v1', aStep('k'));
    ecs.state.still = true;
    const restarted = target.restart('api', aStep('k'));
    restarted.catch(() => undefined);
    await eventually(() => named(ecs, 'DescribeServices').length > 5);
    ecs.deploy(v2);
    await expect(restarted).rejects.toThrow(/^api was to run revision 1 and was given shop-api:2 meanwhile/);
  });

  it('looks on while AWS is away', async () => {
    const { ecs, target } = await running('v2');
    await target.restore('api', 'v1', aStep('k'));
    const step = aStep('k');
    ecs.state.still = true;
    const restarted = target.restart('api', step);
    await eventually(() => step.heard.length > 2);
    ecs.scripted.push(...Array(3).fill(refusal(400, 'ThrottlingException', 'Rate exceeded')));
    await eventually(() =>
      step.heard.some((word) => word.startsWith('the service cannot be seen: AWS refused')),
    );
    ecs.state.still = false;
    await restarted;
  });

  it('does not touch what CodeDeploy deploys, nor a service that is being deleted', async () => {
    const { ecs, target } = await running('v2');
    ecs.state.controller = 'CODE_DEPLOY';
    await expect(target.restore('api', 'v1', aStep('k'))).rejects.toThrow(
      'api is deployed by CODE_DEPLOY; allowed is the deployment controller ECS',
    );
    Object.assign(ecs.state, { controller: 'ECS', status: 'DRAINING' });
    await expect(target.live('api', signal)).rejects.toThrow(`service ${serviceArn} is DRAINING`);
    expect(named(ecs, 'UpdateService')).toEqual([]);
  });

  it.for(['shop', 'arn:aws:ecs:eu-central-1:123456789012:service/web', 'arn:aws:s3:::service/a/b'])(
    'is not %s',
    (service) => {
      expect(() => createAwsEcsTarget({ service })).toThrow(
        /allowed is the ARN of a service with its cluster, like/,
      );
    },
  );

  it('says before what can be proven, and what cannot', async () => {
    const { target } = await running('v2', { circuitBreaker: { enable: true, rollback: true } });
    const checks = (await target.checks?.('api', signal)) ?? [];
    expect(checks.map(({ ok, detail }) => [ok, detail])).toEqual([
      [true, 'api runs shop-api:2; circuit breaker on, rolls back by itself'],
      [true, '2 tasks shall run'],
      [true, 'shop-api:2 is v2'],
      [true, '2 active revisions of shop-api'],
      [true, expect.stringContaining(`not proven, AWS has no dry run: ecs:UpdateService, `)],
    ]);
    const nameless = await startEcs();
    nameless.deploy(nameless.register('api:latest'));
    const found = (await aTarget(nameless).checks?.('api', signal)) ?? [];
    expect(found.filter(({ ok }) => !ok).map(({ detail }) => detail)).toEqual([
      'shop-api:1 runs the tag latest, which may be another image tomorrow; deploy a tag or a digest',
    ]);
  });
});

describe('a service that ECS rolls back by itself', { timeout: 20_000 }, () => {
  afterEach(cleanUp);

  const breaker = { circuitBreaker: { enable: true, rollback: true } };

  /** v3 does not start; ECS is on its way back, and stands still there. */
  async function rollingBack() {
    const { ecs, target, v1, v2 } = await running('v2', breaker);
    ecs.deploy(ecs.register(image('v3'), { starts: false }));
    await eventually(() => /rolling back/.test(String(ecs.primary()?.rolloutStateReason)));
    ecs.state.still = true;
    return { ecs, target, v1, v2 };
  }

  it('is waited for where it goes to the release that is wanted', async () => {
    const { ecs, target } = await rollingBack();
    expect((await target.live('api', signal)).configured).toBe('v2');
    await target.restore('api', 'v2', aStep('k'));
    ecs.state.still = false;
    const step = aStep('k');
    await target.restart('api', step);
    expect(step.heard[0]).toBe('ECS replaces the tasks of api by itself already, which is waited for');
    expect(named(ecs, 'UpdateService')).toEqual([]);
    expect((await target.live('api', signal)).instances.map(({ release }) => release)).toEqual(['v2', 'v2']);
  });

  it('is waited for, and then given the release that is wanted, where it goes to another', async () => {
    const { ecs, target, v1 } = await rollingBack();
    const step = aStep('k');
    const restored = target.restore('api', 'v1', step);
    await eventually(() => step.heard.length > 2);
    expect(step.heard[0]).toMatch(
      /^ECS is rolling back by itself, which is waited for: .*circuit breaker: rolling back/,
    );
    expect(named(ecs, 'UpdateService')).toEqual([]);
    ecs.state.still = false;
    await restored;
    expect(ecs.primary()?.taskDefinition).toBe(v1);
    await target.restart('api', aStep('k'));
  });

  it('is no success where it took back what the step had restored', async () => {
    const { ecs, target } = await running('v2', breaker);
    const broken = ecs.register(image('v0'), { starts: false });
    await target.restore('api', 'v0', { ...aStep('k'), recipe: broken });
    await eventually(() => /rolling back/.test(String(ecs.primary()?.rolloutStateReason)));
    await expect(target.restart('api', aStep('k'))).rejects.toThrow(
      /^api was to run revision 3 and was given shop-api:2 meanwhile: ECS deployment/,
    );
  });

  it("is stopped by ECS's own means while the bad rollout goes on", async () => {
    const { ecs, target, v1, v2 } = await running('v1');
    ecs.state.still = true;
    ecs.deploy(v2);
    const arn = 'arn:aws:ecs:eu-central-1:123456789012:service-deployment/shop/api/NCWGC2ZR-taawPAYrIaU5';
    ecs.state.serviceDeployment = { arn, status: 'IN_PROGRESS', source: v1 };
    await target.restore('api', 'v1', aStep('k'));
    expect(named(ecs, 'StopServiceDeployment')).toEqual([
      { serviceDeploymentArn: arn, stopType: 'ROLLBACK' },
    ]);
    expect(ecs.primary()?.taskDefinition).toBe(v1);
    ecs.state.still = false;
    await target.restart('api', aStep('k'));
    expect(named(ecs, 'UpdateService')).toEqual([]);
  });

  it('is given the old definition where its rollout came from another, or may not be stopped', async () => {
    const { ecs, target, v1, v2 } = await running('v1');
    ecs.deploy(v2);
    ecs.state.serviceDeployment = { arn: 'arn:x', status: 'IN_PROGRESS', source: v2 };
    await target.restore('api', 'v1', aStep('k'));
    expect(named(ecs, 'StopServiceDeployment')).toEqual([]);
    expect(ecs.primary()?.taskDefinition).toBe(v1);
    ecs.deploy(v2);
    ecs.state.serviceDeployment = { arn: 'arn:x', status: 'PENDING', source: v1 };
    const { serviceDeployment } = ecs.state;
    Object.defineProperty(serviceDeployment, 'arn', { get: () => `arn:${Math.random()}` });
    const step = aStep('k2');
    await target.restore('api', 'v1', step);
    expect(step.heard[0]).toMatch(/^the rollout was not stopped: AWS refused StopServiceDeployment/);
    expect(ecs.primary()?.taskDefinition).toBe(v1);
  });
});

describe('a service of Amazon ECS, when AWS does not do it', { timeout: 20_000 }, () => {
  afterEach(cleanUp);

  const faults: [string, Scripted[], RegExp][] = [
    [
      'throttling for good',
      Array(3).fill(refusal(400, 'ThrottlingException', 'Rate exceeded')),
      /refused DescribeServices in eu-central-1: HTTP 400 ThrottlingException: Rate exceeded \(3 attempts\)$/,
    ],
    [
      'a lack of rights',
      [refusal(400, 'AccessDeniedException', 'User: x is not authorized to perform')],
      /HTTP 400 AccessDeniedException: User: x is not.*; the worker needs ecs:DescribeServices$/,
    ],
    [
      'an expired token',
      [refusal(400, 'ExpiredTokenException', 'The security token included in the request is expired')],
      /ExpiredTokenException: .*expired; the worker's credentials for AWS must be renewed, for DescribeServices$/,
    ],
    [
      'a wrong key',
      [refusal(400, 'UnrecognizedClientException', 'The security token included in the request is invalid.')],
      /UnrecognizedClientException.*must be renewed/,
    ],
    [
      'a cluster that is gone',
      [refusal(400, 'ClusterNotFoundException', 'Cluster not found.')],
      /HTTP 400 ClusterNotFoundException: Cluster not found\.$/,
    ],
    [
      'a service that is gone',
      [refusal(400, 'ServiceNotFoundException', 'Service not found.')],
      /HTTP 400 ServiceNotFoundException: Service not found\.$/,
    ],
    [
      'a service that never was',
      [{ status: 200, body: '{"services":[],"failures":[{"reason":"MISSING"}]}' }],
      /AWS knows no service arn:aws:ecs:.*service\/shop\/api: MISSING$/,
    ],
    [
      'a server error for good',
      Array(3).fill(refusal(500, 'ServerException', 'Service Unavailable. Please try again later.')),
      /HTTP 500 ServerException: .*\(3 attempts\)$/,
    ],
    [
      'HTML in place of JSON',
      Array(3).fill({
        status: 200,
        body: '<!doctype html><h1>Sign in to the guest network</h1>',
        type: 'text/html',
      }),
      /refused DescribeServices in eu-central-1: .*(JSON|token)/,
    ],
    [
      'an answer that is cut off',
      Array(3).fill({ status: 200, body: '{"services":[{"status":"ACTIVE"}]}', cutAt: 20 }),
      /refused DescribeServices in eu-central-1/,
    ],
    ['an empty answer', [{ status: 200, body: '{}' }], /AWS knows no service .*: it told none$/],
    ['silence', [null], /did not answer DescribeServices in eu-central-1 within 800 ms/],
  ];

  it.for(faults)('says so of %s', async ([, answers, words]) => {
    const { ecs, v2 } = await running('v2');
    ecs.scripted.push(...answers);
    const target = aTarget(ecs, { timeoutMs: answers[0] === null ? 800 : 10_000 });
    const error = await target.restore('api', 'v1', aStep('k')).catch((reason: Error) => reason);
    expect((error as Error).message).toMatch(words);
    expect((error as Error).message).not.toContain('secret-key-of-the-test');
    expect(ecs.primary()?.taskDefinition).toBe(v2);
  });

  it.for([
    ['throttling', refusal(400, 'ThrottlingException', 'Rate exceeded')],
    ['a server error', refusal(500, 'ServerException', 'Service Unavailable')],
  ] as [string, Scripted][])('goes on after %s that passes', async ([, answer]) => {
    const { ecs, target, v1 } = await running('v2');
    ecs.scripted.push(answer);
    await target.restore('api', 'v1', aStep('k'));
    expect(ecs.primary()?.taskDefinition).toBe(v1);
  });

  it('asks no link-local endpoint', async () => {
    const target = createAwsEcsTarget({ service: serviceArn, endpoint: 'http://169.254.1.1' });
    await expect(target.live('api', signal)).rejects.toThrow(
      '169.254.1.1 is a link-local address, where clouds keep their metadata: it is not asked',
    );
  });

  it('stops with the step, in the middle of a call', async () => {
    const { ecs, target } = await running('v2');
    ecs.scripted.push(null);
    const startedMs = performance.now();
    await expect(target.live('api', AbortSignal.timeout(200))).rejects.toThrow(/timeout/);
    expect(performance.now() - startedMs).toBeLessThan(2_000);
  });
});
