import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  createKubernetesTarget,
  type KubernetesTargetOptions,
} from '../../../adapters/deploy-target/kubernetes.ts';
import { aStep } from '../../adapters/deploy-target/sample-service.ts';
import { cleanUp, eventually } from '../../adapters/temporary.ts';
import { type Cluster, type Json, startCluster } from './cluster.ts';
import {
  aTemplate,
  aWorkload,
  crashLoop,
  imagePull,
  type Kind,
  leastRights,
  livingPods,
  notReady,
  pathOf,
  rolledOut,
  scripted,
} from './workloads.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster?.stop());

const signal = AbortSignal.timeout(600_000);
const patience = { littleMs: 300, someMs: 600 };

interface Given {
  readonly kind?: Kind;
  readonly options?: Partial<KubernetesTargetOptions>;
  readonly keep?: (rule: Json) => boolean;
}

/** A namespace whose workload `web` can be deployed as a pipeline would, and a target with the least rights. */
async function aPlace({ kind = 'Deployment', options = {}, keep }: Given = {}) {
  const namespace = await cluster.namespace();
  const path = pathOf(namespace, kind);
  const target = createKubernetesTarget({
    kubeconfig: await leastRights(cluster, namespace, keep),
    namespace,
    workloads: { api: `${kind.toLowerCase()}/web` },
    patience,
    ...options,
  });
  const apply = (template: Json, spec: Json = {}, metadata: Json = {}) =>
    cluster.apply(path, aWorkload(template, spec, kind, metadata));
  return {
    namespace,
    path,
    target,
    apply,
    async deploy(template: Json, spec: Json = {}, metadata: Json = {}) {
      await apply(template, spec, metadata);
      return rolledOut(cluster, path);
    },
    read: () => cluster.api('GET', path),
    pods: () => livingPods(cluster, namespace),
    live: () => target.live('api', signal),
    async rollBack(release: string, key: string, recipe?: string) {
      const step = aStep(key);
      await target.restore('api', release, { ...step, recipe });
      await target.restart('api', step);
      return step.heard;
    },
  };
}

const put = (namespace: string, resource: string, name: string) =>
  cluster.api('POST', `/api/v1/namespaces/${namespace}/${resource}`, { metadata: { name } });
const take = (namespace: string, resource: string, name: string) =>
  cluster.api('DELETE', `/api/v1/namespaces/${namespace}/${resource}/${name}`);

describe('what is put back', { timeout: 60_000 }, () => {
  afterEach(cleanUp);

  const old = aTemplate('v1', { container: { env: [{ name: 'ONLY_OLD', value: '1' }] } });
  const bad = aTemplate('v2', {
    container: {
      env: [{ name: 'ADDED', value: 'x' }],
      volumeMounts: [{ name: 'cache', mountPath: '/cache' }],
      resources: { limits: { memory: '64Mi' } },
    },
    pod: { volumes: [{ name: 'cache', emptyDir: {} }] },
  });
  bad.spec.containers.push({ name: 'sidecar', image: 'registry.example/sidecar:1' });

  it('is the recorded template and nothing of the bad one, whoever owns its fields', async () => {
    const place = await aPlace({ options: { container: 'web' } });
    await place.deploy(old);
    const { recipe = '' } = await place.live();
    const before = (await place.read()).spec.template;
    await place.deploy(bad);
    await place.rollBack('v1', 'k1', recipe);
    expect((await place.read()).spec.template).toEqual(before);
  });

  it('shows why server-side apply would not do: what other managers own stays', async () => {
    const place = await aPlace();
    await place.deploy(old);
    await place.deploy(bad);
    const applied = await cluster.api(
      'PATCH',
      `${place.path}?fieldManager=somebody&force=true`,
      { apiVersion: 'apps/v1', kind: 'Deployment', spec: { template: old } },
      'application/apply-patch+yaml',
    );
    const { containers } = applied.spec.template.spec;
    expect(containers.map(({ name }: Json) => name)).toEqual(['web', 'sidecar']);
    expect(containers[0].env.map(({ name }: Json) => name)).toContain('ADDED');
  });

  it('lets the next server-side apply through, and leaves it nothing of the restored release', async () => {
    const place = await aPlace({ options: { container: 'web' } });
    await place.deploy(old);
    const { recipe = '' } = await place.live();
    await place.deploy(bad);
    await place.rollBack('v1', 'k1', recipe);
    const next = await cluster.api(
      'PATCH',
      `${place.path}?fieldManager=pipeline`,
      aWorkload(aTemplate('v3')),
      'application/apply-patch+yaml',
    );
    expect(next.spec.template.spec.containers).toHaveLength(1);
    expect(next.spec.template.spec.containers[0].image).toContain(':v3');
    expect(next.spec.template.spec.containers[0].env).toBeUndefined();
  });

  it('lets the next kubectl apply remove what only the restored release has', async () => {
    const place = await aPlace();
    const remember = (template: Json) => {
      const text = JSON.stringify(aWorkload(template));
      return { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': text } };
    };
    const create = aWorkload(old, {}, 'Deployment', remember(old));
    await cluster.api('POST', place.path.replace(/\/web$/, ''), create);
    await rolledOut(cluster, place.path);
    const { recipe = '' } = await place.live();
    const merge = { spec: { template: aTemplate('v2') }, metadata: remember(aTemplate('v2')) };
    await cluster.api('PATCH', place.path, merge, 'application/merge-patch+json');
    await rolledOut(cluster, place.path);
    await place.rollBack('v1', 'k1', recipe);
    const { metadata } = await place.read();
    const remembered = JSON.parse(metadata.annotations['kubectl.kubernetes.io/last-applied-configuration']);
    expect(remembered.spec.template.spec.containers[0].env).toEqual([{ name: 'ONLY_OLD', value: '1' }]);
    expect(remembered.spec.replicas).toBe(2);
  });

  it('is the template of that release, not the previous revision', async () => {
    const place = await aPlace();
    for (const release of ['v1', 'v2', 'v3']) await place.deploy(aTemplate(release));
    expect(await place.target.restorable('api', 'v1', signal)).toEqual({
      restorable: true,
      reason: 'v1 is revision 1 of deployment/web',
    });
    await place.rollBack('v1', 'k1');
    expect((await place.live()).configured).toBe('v1');
  });

  it('leaves the replicas to whoever scales them', async () => {
    const place = await aPlace();
    await place.deploy(aTemplate('v1'));
    await place.apply(aTemplate('v2'));
    await cluster.api('PATCH', place.path, { spec: { replicas: 3 } }, 'application/merge-patch+json');
    await place.rollBack('v1', 'k1');
    expect((await place.read()).spec.replicas).toBe(3);
    expect(await place.pods()).toHaveLength(3);
  });

  it('keeps the good pods that a stuck rollout left', async () => {
    const place = await aPlace();
    await place.deploy(aTemplate('v1'), { replicas: 4 });
    await place.apply(aTemplate('v2', scripted(crashLoop)), { replicas: 4 });
    const ofV1 = ({ spec }: Json) => spec.containers[0].image.endsWith(':v1');
    // A quarter of four may be unavailable.
    await eventually(async () => (await place.pods()).filter(ofV1).length === 3);
    const good = (await place.pods()).filter(ofV1);
    await place.rollBack('v1', 'k1');
    const after = (await place.pods()).map(({ metadata }) => metadata.uid);
    expect(after).toHaveLength(4);
    for (const { metadata } of good) expect(after).toContain(metadata.uid);
  });

  it('changes nothing when the step comes again, also after it was lost half way', async () => {
    const place = await aPlace();
    await place.deploy(aTemplate('v1'));
    await place.deploy(aTemplate('v2'));
    await place.target.restore('api', 'v1', aStep('k1'));
    const { generation } = (await place.read()).metadata;
    await place.target.restore('api', 'v1', aStep('k1'));
    await place.target.restart('api', aStep('k1'));
    const pods = (await place.pods()).map(({ metadata }) => metadata.uid);
    await place.target.restart('api', aStep('k1'));
    expect((await place.pods()).map(({ metadata }) => metadata.uid)).toEqual(pods);
    expect((await place.read()).metadata.generation).toBe(generation);
  });

  it('goes on with a paused rollout, and says so', async () => {
    const place = await aPlace();
    await place.deploy(aTemplate('v1'));
    await place.deploy(aTemplate('v2'));
    await cluster.api('PATCH', place.path, { spec: { paused: true } }, 'application/merge-patch+json');
    const heard = await place.rollBack('v1', 'k1');
    expect(heard.join('\n')).toContain('its rollout was paused and goes on');
    const { metadata, spec } = await place.read();
    expect(spec.paused).toBeUndefined();
    expect(metadata.annotations['rollback-orchestrator/unpaused']).toBe('by rollback-orchestrator, for k1');
  });
});

describe('what is not restorable', { timeout: 60_000 }, () => {
  afterEach(cleanUp);

  it.for([
    [
      'configmaps',
      'ConfigMap settings',
      { container: { envFrom: [{ configMapRef: { name: 'settings' } }] } },
    ],
    [
      'secrets',
      'Secret settings',
      {
        container: {
          env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'settings', key: 'a' } } }],
        },
      },
    ],
    [
      'configmaps',
      'ConfigMap settings',
      { pod: { volumes: [{ name: 'v', configMap: { name: 'settings' } }] } },
    ],
    ['secrets', 'Secret settings', { pod: { imagePullSecrets: [{ name: 'settings' }] } }],
    ['serviceaccounts', 'ServiceAccount settings', { pod: { serviceAccountName: 'settings' } }],
  ] as [string, string, Json][])('needs one of %s that is gone: %s', async ([resource, named, change]) => {
    const place = await aPlace();
    await put(place.namespace, resource, 'settings');
    await place.deploy(aTemplate('v1', change));
    await place.deploy(aTemplate('v2'));
    expect((await place.target.restorable('api', 'v1', signal)).restorable).toBe(true);
    await take(place.namespace, resource, 'settings');
    const answer = await place.target.restorable('api', 'v1', signal);
    expect(answer).toEqual({
      restorable: false,
      reason: `its pods need ${named}, which is gone from namespace ${place.namespace}`,
    });
    await expect(place.target.restore('api', 'v1', aStep('k'))).rejects.toThrow(named);
    expect((await place.live()).configured).toBe('v2');
  });

  it('does not mind what is optional', async () => {
    const place = await aPlace();
    const change = { container: { envFrom: [{ configMapRef: { name: 'maybe', optional: true } }] } };
    await place.deploy(aTemplate('v1', change));
    await place.deploy(aTemplate('v2'));
    expect((await place.target.restorable('api', 'v1', signal)).restorable).toBe(true);
  });

  it('was forgotten by Kubernetes, unless it was recorded', async () => {
    const place = await aPlace();
    await place.deploy(aTemplate('v1'), { revisionHistoryLimit: 0 });
    const { recipe } = await place.live();
    await place.deploy(aTemplate('v2'), { revisionHistoryLimit: 0 });
    await eventually(async () => !(await place.target.restorable('api', 'v1', signal)).restorable);
    expect((await place.target.restorable('api', 'v1', signal)).reason).toBe(
      'no revision of deployment/web runs v1, and none was recorded (Kubernetes keeps 0: revisionHistoryLimit)',
    );
    expect(await place.target.restorable('api', 'v1', signal, recipe)).toEqual({
      restorable: true,
      reason: 'v1 is as it was recorded while it was live',
    });
    await place.rollBack('v1', 'k1', recipe);
    expect((await place.live()).configured).toBe('v1');
  });

  it('says that the workload was deleted', async () => {
    const place = await aPlace();
    const sentence = `there is no deployment/web in namespace ${place.namespace}`;
    expect((await place.target.restorable('api', 'v1', signal)).reason).toBe(sentence);
    expect((await place.live()).instances).toEqual([
      { id: 'deployment/web', release: null, running: false, url: null, trouble: sentence },
    ]);
    await expect(place.target.restart('api', aStep('k'))).rejects.toThrow(sentence);
  });
});

describe('what is live', { timeout: 60_000 }, () => {
  afterEach(cleanUp);

  it.for([
    [
      crashLoop,
      /^CrashLoopBackOff: back-off 1m20s restarting failed container=web, last exit code 137 \(OOMKilled\): no database$/,
    ],
    [imagePull, /^ImagePullBackOff: Back-off pulling image "registry.example\/web:v2"$/],
  ] as [Json, RegExp][])(
    'tells the trouble of a pod in the words of the platform, %#',
    async ([status, words]) => {
      const place = await aPlace({ options: { port: 8080 } });
      await place.deploy(aTemplate('v1'));
      await place.apply(aTemplate('v2', scripted(status)));
      const sick = await eventually(async () =>
        (await place.live()).instances.find(
          ({ release, trouble }) => release === 'v2' && trouble !== undefined,
        ),
      );
      expect(sick).toMatchObject({ running: false, url: 'http://10.0.0.77:8080' });
      expect(sick.trouble).toMatch(words);
      expect((await place.live()).instances.filter(({ running }) => running)).toHaveLength(2);
    },
  );

  it('calls a pod starting while the platform is at it, and sick when the rollout was over', async () => {
    const place = await aPlace();
    await place.deploy(aTemplate('v1'));
    expect(await place.live()).not.toHaveProperty('rollingOut');
    await place.apply(aTemplate('v2', scripted(notReady)));
    const starting = await eventually(async () => {
      const live = await place.live();
      return live.instances.some(({ release }) => release === 'v2') ? live : null;
    });
    expect(starting.rollingOut).toBe(true);
    expect(starting.instances.find(({ release }) => release === 'v2')).toMatchObject({
      running: false,
      starting: true,
    });
    await place.apply(aTemplate('v1'));
    await rolledOut(cluster, place.path);
    expect((await place.live()).instances.every(({ starting: at }) => at === undefined)).toBe(true);
  });

  it('is idle, and not sick, where it is scaled to zero', async () => {
    const place = await aPlace();
    await place.apply(aTemplate('v1'), { replicas: 0 });
    expect(await place.live()).toMatchObject({ configured: 'v1', instances: [], idle: true });
  });

  it('quotes the scheduler where no node fits', async () => {
    const place = await aPlace();
    await place.deploy(aTemplate('v1'));
    await place.apply(aTemplate('v2', { pod: { nodeSelector: { disk: 'fast' } } }));
    const sick = await eventually(async () =>
      (await place.live()).instances.find(({ trouble }) => trouble !== undefined),
    );
    expect(sick.trouble).toMatch(/^FailedScheduling: 0\/2 nodes are available: /);
    await expect(place.target.restart('api', aStep('k'))).rejects.toThrow(/FailedScheduling: 0\/2 nodes/);
  });

  it('shows a release that may not even make a pod, with the reason', async () => {
    const place = await aPlace();
    await place.deploy(aTemplate('v1'));
    await cluster.api('POST', `/api/v1/namespaces/${place.namespace}/resourcequotas`, {
      metadata: { name: 'full' },
      spec: { hard: { pods: '2' } },
    });
    await eventually(async () => {
      const quota = await cluster.api('GET', `/api/v1/namespaces/${place.namespace}/resourcequotas/full`);
      return quota.status?.used?.pods === '2';
    });
    await place.apply(aTemplate('v2'));
    const stuck = await eventually(async () =>
      (await place.live()).instances.find(({ id }) => id === 'deployment/web'),
    );
    expect(stuck).toMatchObject({ release: 'v2', running: false });
    expect(stuck.trouble).toMatch(/^FailedCreate: pods "web-.*" is forbidden: exceeded quota: full/);
    await expect(place.target.restart('api', aStep('k'))).rejects.toThrow(/exceeded quota: full/);
  });

  it('does not count pods that are ending', async () => {
    const place = await aPlace();
    await place.deploy(
      aTemplate('v1', { annotations: { 'test/lingers': 'yes' }, pod: { terminationGracePeriodSeconds: 3 } }),
    );
    await place.apply(aTemplate('v2'));
    await rolledOut(cluster, place.path);
    const { items } = await cluster.api('GET', `/api/v1/namespaces/${place.namespace}/pods`);
    expect(items.length).toBeGreaterThan(2);
    expect((await place.live()).instances.map(({ release }) => release)).toEqual(['v2', 'v2']);
    const step = aStep('k');
    const startedMs = performance.now();
    await place.target.restart('api', step);
    expect(step.heard.join('\n')).toContain('(ending)');
    expect(performance.now() - startedMs).toBeLessThan(10_000);
  });

  it('does not count the pods of a canary with the same labels', async () => {
    const place = await aPlace();
    await place.deploy(aTemplate('v1'));
    const canary = { ...aWorkload(aTemplate('v9'), { replicas: 1 }), metadata: { name: 'web-canary' } };
    await cluster.apply(`${place.path}-canary`, canary);
    await rolledOut(cluster, `${place.path}-canary`);
    expect((await place.live()).instances.map(({ release }) => release)).toEqual(['v1', 'v1']);
  });
});

describe('a restart', { timeout: 60_000 }, () => {
  afterEach(cleanUp);

  it.for([
    [crashLoop, /web-.*: CrashLoopBackOff: .*exit code 137 \(OOMKilled\): no database/],
    [imagePull, /web-.*: ImagePullBackOff: Back-off pulling image/],
  ] as [Json, RegExp][])('fails early with the words of the platform, %#', async ([status, words]) => {
    const place = await aPlace();
    await place.deploy(aTemplate('v1'));
    await place.apply(aTemplate('v2', scripted(status)));
    await expect(place.target.restart('api', aStep('k'))).rejects.toThrow(words);
  });

  it('fails when the platform has waited for its deadline', async () => {
    const place = await aPlace();
    await place.deploy(aTemplate('v1'));
    await place.apply(aTemplate('v2', scripted(notReady)), { progressDeadlineSeconds: 1 });
    await expect(place.target.restart('api', aStep('k'))).rejects.toThrow(
      /0 ready.*ProgressDeadlineExceeded: ReplicaSet "web-.*" has timed out progressing/,
    );
  });

  it('tells how many pods are updated', async () => {
    const place = await aPlace();
    await place.deploy(aTemplate('v1'), { replicas: 5, minReadySeconds: 1 });
    const step = aStep('k');
    await place.target.restart('api', step);
    expect(step.heard.some((words) => /\d of 5 updated, \d ready; still there: web-/.test(words))).toBe(true);
    expect(step.heard.at(-1)).toBe('5 of 5 updated, 5 ready');
  });

  it('goes on looking while the API server is away', async () => {
    const place = await aPlace({ options: { timeoutMs: 500, patience: { littleMs: 300, someMs: 30_000 } } });
    await place.deploy(aTemplate('v1'), { replicas: 4 });
    const step = aStep('k');
    const restarted = place.target.restart('api', step);
    await eventually(() => step.heard.some((words) => words.includes('updated')));
    await cluster.freeze(2_000);
    await restarted;
    expect(step.heard.join('\n')).toMatch(/deployment\/web cannot be seen: GET .*: no answer within 500 ms/);
  });

  it('does not wait for pods below a partition that run the release already', async () => {
    const place = await aPlace({ kind: 'StatefulSet' });
    const partition = { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1 } } };
    await place.deploy(aTemplate('v1'), partition);
    const [below, above] = await place.pods();
    await place.target.restart('api', aStep('k'));
    const after = (await place.pods()).map(({ metadata }) => metadata.uid);
    expect(after[0]).toBe(below.metadata.uid);
    expect(after[1]).not.toBe(above.metadata.uid);
  });

  it('ends when its step is cancelled', async () => {
    const place = await aPlace({ options: { patience: { littleMs: 60_000, someMs: 60_000 } } });
    await place.deploy(aTemplate('v1'));
    await place.apply(aTemplate('v2', scripted(crashLoop)));
    const cancel = new AbortController();
    setTimeout(() => cancel.abort(new Error('cancelled by a person')), 1_000);
    await expect(place.target.restart('api', aStep('k', cancel.signal))).rejects.toThrow(
      'cancelled by a person',
    );
  });

  it('deletes the broken pod of the bad release, which blocks a StatefulSet for ever', async () => {
    const place = await aPlace({ kind: 'StatefulSet' });
    await place.deploy(aTemplate('v1'));
    await place.apply(aTemplate('v2', scripted(crashLoop)));
    await eventually(async () => (await place.live()).instances.some(({ trouble }) => trouble !== undefined));
    const heard = await place.rollBack('v1', 'k1');
    expect(heard.join('\n')).toContain('deleted web-1, not ready and of another release');
    expect((await place.live()).instances.map(({ release, running }) => ({ release, running }))).toEqual([
      { release: 'v1', running: true },
      { release: 'v1', running: true },
    ]);
  });

  it('says which pods a partition holds back at another release', async () => {
    const place = await aPlace({ kind: 'StatefulSet' });
    await place.deploy(aTemplate('v1'));
    await place.deploy(aTemplate('v2'));
    const partition = { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1 } } };
    await place.apply(aTemplate('v2'), partition);
    await place.target.restore('api', 'v1', aStep('k1'));
    await expect(place.target.restart('api', aStep('k1'))).rejects.toThrow(
      'partition 1 holds back web-0, which run another release; set it to 0',
    );
  });

  it('takes a canary behind a partition back', async () => {
    const place = await aPlace({ kind: 'StatefulSet' });
    const partition = { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1 } } };
    await place.deploy(aTemplate('v1'), partition);
    await place.apply(aTemplate('v2'), partition);
    await eventually(async () => (await place.live()).instances.some(({ release }) => release === 'v2'));
    await place.rollBack('v1', 'k1');
    expect((await place.live()).instances.map(({ release }) => release)).toEqual(['v1', 'v1']);
  });

  it('respects a disruption budget where pods are replaced on delete, and says that it waits', async () => {
    const place = await aPlace({ kind: 'DaemonSet' });
    const onDelete = { updateStrategy: { type: 'OnDelete' } };
    await place.deploy(aTemplate('v1'), onDelete);
    const budgets = `/apis/policy/v1/namespaces/${place.namespace}/poddisruptionbudgets`;
    const selector = { matchLabels: { app: 'web' } };
    await cluster.api('POST', budgets, { metadata: { name: 'all' }, spec: { minAvailable: 2, selector } });
    await eventually(async () => (await cluster.api('GET', `${budgets}/all`)).status?.currentHealthy === 2);
    const step = aStep('k');
    const restarted = place.target.restart('api', step);
    await eventually(() => step.heard.some((words) => words.includes('may not go yet')));
    expect(step.heard.join('\n')).toMatch(/disruption budget/);
    await cluster.api('DELETE', `${budgets}/all`);
    await restarted;
  });
});

describe('what a release is called', { timeout: 60_000 }, () => {
  afterEach(cleanUp);

  const digest = `sha256:${'0123456789ab'.repeat(5)}cdef`;
  it.for([
    [undefined, 'registry:5000/shop/web:v7', {}, 'v7'],
    [undefined, `registry:5000/shop/web:v7@${digest}`, {}, 'v7'],
    [undefined, `registry:5000/shop/web@${digest}`, {}, '0123456789ab'],
    [undefined, 'registry:5000/shop/web', {}, 'latest'],
    [undefined, 'web:v7', { labels: { 'app.kubernetes.io/version': '1.2' } }, '1.2'],
    [{ image: 'tag' }, 'web:v7', { labels: { 'app.kubernetes.io/version': '1.2' } }, 'v7'],
    [{ image: 'digest' }, `web:v7@${digest}`, {}, '0123456789ab'],
    [{ image: 'digest' }, 'web:v7', {}, null],
    [{ label: 'release' }, 'web:v7', { labels: { release: '2026-11-24' } }, '2026-11-24'],
    [{ annotation: 'shop/commit' }, 'web:v7', { annotations: { 'shop/commit': 'abc' } }, 'abc'],
  ] as [KubernetesTargetOptions['releaseFrom'], string, Json, string | null][])(
    'is by %j of %s with %j: %s',
    async ([releaseFrom, image, metadata, release]) => {
      const place = await aPlace({ options: { releaseFrom } });
      const template = aTemplate('x', { container: { image } });
      const labels = { ...template.metadata.labels, ...metadata.labels };
      await place.deploy({ ...template, metadata: { ...metadata, labels } });
      const live = await place.live();
      expect(live.configured).toBe(release);
      expect(live.instances.map((instance) => instance.release)).toEqual([release, release]);
    },
  );

  it('is that of the template, also where an admission webhook has put another image into the pods', async () => {
    const place = await aPlace();
    await place.deploy(aTemplate('v1'));
    for (const { metadata } of await place.pods()) {
      const image = `mirror.example/web@${digest}`;
      const path = `/api/v1/namespaces/${place.namespace}/pods/${metadata.name}`;
      const patch = { spec: { containers: [{ name: 'web', image }] } };
      await cluster.api('PATCH', path, patch, 'application/strategic-merge-patch+json');
    }
    expect((await place.live()).instances.map(({ release }) => release)).toEqual(['v1', 'v1']);
  });

  it('needs to be told whose image it is where there are several containers', async () => {
    const place = await aPlace();
    const template = aTemplate('v1');
    template.spec.containers.push({ name: 'sidecar', image: 'x:1' });
    await place.deploy(template);
    await expect(place.live()).rejects.toThrow(
      'there are several containers (web, sidecar): say in "container" whose image is the release',
    );
  });
});

describe('checks', { timeout: 60_000 }, () => {
  afterEach(cleanUp);

  const failing = async (place: Awaited<ReturnType<typeof aPlace>>) =>
    ((await place.target.checks?.('api', signal)) ?? []).filter(({ ok }) => !ok);

  it.for(['Deployment', 'StatefulSet', 'DaemonSet'] as Kind[])(
    'pass with the rights of rbac.yaml for a %s',
    async (kind) => {
      const place = await aPlace({ kind });
      await place.deploy(aTemplate('v1'));
      expect(await failing(place)).toEqual([]);
    },
  );

  it.for([
    ['Deployment', 'deployments', ['may get deployments web', 'may patch deployments web']],
    ['Deployment', 'replicasets', ['may list replicasets']],
    ['StatefulSet', 'controllerrevisions', ['may list controllerrevisions']],
    ['StatefulSet', 'pods', ['may list pods', 'may delete pods']],
    ['DaemonSet', 'pods/eviction', ['may create pods/eviction']],
  ] as [Kind, string, string[]][])(
    'name what a %s lacks without the rule for %s',
    async ([kind, resource, names]) => {
      const place = await aPlace({ kind, keep: (rule) => !rule.resources.includes(resource) });
      const checks = await failing(place);
      expect(checks.map(({ name }) => name)).toEqual(names);
      expect(checks[0]?.detail).toMatch(/no right to .* deploy\/kubernetes\/rbac.yaml grants it/);
    },
  );

  it('do not ask for the right to read Secrets, and say what is lost without it', async () => {
    const place = await aPlace({ keep: (rule) => !rule.resources.includes('secrets') });
    await place.deploy(aTemplate('v1', { pod: { imagePullSecrets: [{ name: 'pull' }] } }));
    await place.deploy(aTemplate('v2'));
    expect(await failing(place)).toEqual([]);
    const all = (await place.target.checks?.('api', signal)) ?? [];
    expect(all.find(({ name }) => name === 'may get secrets')?.detail).toContain(
      'a release whose secrets are gone is not recognised',
    );
    expect((await place.target.restorable('api', 'v1', signal)).restorable).toBe(true);
  });

  it('tell that releases cannot be told apart: by a label that stays, by an image that moves', async () => {
    const place = await aPlace();
    for (const tag of ['v1', 'v2']) {
      const template = aTemplate(tag);
      const labels = { ...template.metadata.labels, 'app.kubernetes.io/version': '1.0' };
      await place.deploy({ ...template, metadata: { labels } });
    }
    expect((await failing(place)).map(({ detail }) => detail)).toEqual([
      '2 images are all called 1.0; name them apart in release_from',
    ]);
    const other = await aPlace();
    await other.deploy(aTemplate('x', { container: { image: 'shop/web' } }));
    expect((await failing(other)).map(({ detail }) => detail)).toEqual([
      'image shop/web may be another one tomorrow; deploy a tag or a digest',
    ]);
  });

  it('say that the workload is not there', async () => {
    const place = await aPlace();
    expect((await failing(place)).map(({ detail }) => detail)).toEqual([
      `there is no deployment/web in namespace ${place.namespace}`,
    ]);
  });
});
