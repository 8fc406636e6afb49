import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { GitOpsAnswer } from '../../../adapters/deploy-target/kubernetes/gitops.ts';
import { createKubernetesTarget } from '../../../adapters/deploy-target/kubernetes.ts';
import {
  createRevertPullRequests,
  type RevertPullRequests,
} from '../../../adapters/github/revert-pull-request.ts';
import { aStep } from '../../adapters/deploy-target/sample-service.ts';
import { startRepository } from '../../adapters/github/repository-server.ts';
import { cleanUp, eventually } from '../../adapters/temporary.ts';
import { type Cluster, type Json, startCluster } from './cluster.ts';
import { aTemplate, aWorkload, leastRights, pathOf, rolledOut } from './workloads.ts';

const signal = AbortSignal.timeout(600_000);
const kinds = {
  Application: { group: 'argoproj.io', version: 'v1alpha1', resource: 'applications' },
  Kustomization: { group: 'kustomize.toolkit.fluxcd.io', version: 'v1', resource: 'kustomizations' },
  HelmRelease: { group: 'helm.toolkit.fluxcd.io', version: 'v2', resource: 'helmreleases' },
} as const;
type GitOpsKind = keyof typeof kinds;

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
  for (const kind of Object.keys(kinds) as GitOpsKind[]) await addKind(kind);
});
afterAll(() => cluster?.stop());

/** The group, version and names are those of the product; the schema lets everything through. */
async function addKind(kind: GitOpsKind): Promise<void> {
  const { group, version, resource } = kinds[kind];
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  await cluster.api('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
    metadata: { name: `${resource}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, plural: resource, singular: kind.toLowerCase() },
      versions: [{ name: version, served: true, storage: true, schema }],
    },
  });
  const listed = `/apis/${group}/${version}/${resource}`;
  await eventually(async () => (await cluster.api('GET', listed).catch(() => null)) !== null);
}

interface Given {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly gitops?: GitOpsAnswer;
  readonly reverts?: RevertPullRequests;
  readonly allowed?: boolean;
}

/** A workload that went from v1 to v2, with the marks of a GitOps controller. */
async function aPlace(mark: (namespace: string) => Given) {
  const namespace = await cluster.namespace();
  const { gitops, reverts, allowed = true, ...metadata } = mark(namespace);
  const path = pathOf(namespace);
  for (const release of ['v1', 'v2']) {
    await cluster.apply(path, aWorkload(aTemplate(release), {}, 'Deployment', metadata));
    await rolledOut(cluster, path);
  }
  const kubeconfig = await leastRights(cluster, namespace);
  if (allowed) await allow(namespace);
  const target = createKubernetesTarget({
    kubeconfig,
    namespace,
    workloads: { api: 'deployment/web' },
    argocdNamespace: namespace,
    gitops,
    reverts,
  });
  return { namespace, target, path };
}

/** What docs/kubernetes.md says to add for a workload under GitOps. */
async function allow(namespace: string): Promise<void> {
  const metadata = { name: 'gitops' };
  const apiGroups = Object.values(kinds).map(({ group }) => group);
  const resources = Object.values(kinds).map(({ resource }) => resource);
  const roles = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
  await cluster.api('POST', `${roles}/roles`, {
    metadata,
    rules: [{ apiGroups, resources, verbs: ['get', 'patch'] }],
  });
  await cluster.api('POST', `${roles}/rolebindings`, {
    metadata,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'gitops' },
    subjects: [{ kind: 'ServiceAccount', name: 'rollback-orchestrator', namespace }],
  });
}

async function put(
  namespace: string,
  kind: GitOpsKind,
  name: string,
  rest: Json,
): Promise<() => Promise<Json>> {
  const { group, version, resource } = kinds[kind];
  const folder = `/apis/${group}/${version}/namespaces/${namespace}/${resource}`;
  const { metadata, ...object } = rest;
  await cluster.api('POST', folder, {
    apiVersion: `${group}/${version}`,
    kind,
    ...object,
    metadata: { ...metadata, name },
  });
  return () => cluster.api('GET', `${folder}/${name}`);
}

const source = { repoURL: 'https://git.example/shop.git', path: 'deploy', targetRevision: 'main' };
const automated = { prune: true, selfHeal: true };
const application = { spec: { source, syncPolicy: { automated } } };
const tracked = (namespace: string) => ({
  annotations: { 'argocd.argoproj.io/tracking-id': `shop:apps/Deployment:${namespace}/web` },
});

describe('a workload under Argo CD', { timeout: 60_000 }, () => {
  afterEach(cleanUp);

  it('is not touched unless that is configured, and the reason names the Application and its source', async () => {
    const { namespace, target } = await aPlace(tracked);
    await put(namespace, 'Application', 'shop', application);
    const sentence =
      `Argo CD Application ${namespace}/shop would put the bad release back: revert the release in ` +
      'https://git.example/shop.git deploy at main, or configure gitops: suspend';
    expect(await target.restorable('api', 'v1', signal)).toEqual({ restorable: false, reason: sentence });
    await expect(target.restore('api', 'v1', aStep('k'))).rejects.toThrow(sentence);
    expect((await target.live('api', signal)).configured).toBe('v2');
    const checks = (await target.checks?.('api', signal)) ?? [];
    expect(checks.filter(({ ok }) => !ok).map(({ detail }) => detail)).toEqual([sentence]);
  });

  it('has its automated sync switched off first, and what was there is noted', async () => {
    const { namespace, target } = await aPlace((name) => ({ ...tracked(name), gitops: 'suspend' }));
    const read = await put(namespace, 'Application', 'shop', application);
    const step = aStep('k');
    await target.restore('api', 'v1', step);
    expect(step.heard[0]).toBe(
      `Argo CD Application ${namespace}/shop is suspended; revert the release in ` +
        'https://git.example/shop.git deploy at main before it goes on',
    );
    const { metadata, spec } = await read();
    expect(spec).toEqual({ source, syncPolicy: {} });
    expect(JSON.parse(metadata.annotations['rollback-orchestrator/automated-sync-was'])).toEqual(automated);
    expect((await target.live('api', signal)).configured).toBe('v1');
  });

  it('may be rolled back when it is synced by hand', async () => {
    const { namespace, target } = await aPlace(tracked);
    await put(namespace, 'Application', 'shop', { spec: { source } });
    expect((await target.restorable('api', 'v1', signal)).restorable).toBe(true);
  });

  it('is refused when an ApplicationSet would switch the sync on again', async () => {
    const { namespace, target } = await aPlace((name) => ({ ...tracked(name), gitops: 'suspend' }));
    const owner = { apiVersion: 'argoproj.io/v1alpha1', kind: 'ApplicationSet', name: 'all', uid: 'u' };
    await put(namespace, 'Application', 'shop', { ...application, metadata: { ownerReferences: [owner] } });
    expect((await target.restorable('api', 'v1', signal)).reason).toContain(
      'cannot be suspended (ApplicationSet all would switch it on again)',
    );
  });

  it('is believed by the common label only when the Application lists it: Helm writes that label, too', async () => {
    const { namespace, target } = await aPlace(() => ({ labels: { 'app.kubernetes.io/instance': 'shop' } }));
    expect((await target.restorable('api', 'v1', signal)).restorable).toBe(true);
    const resources = [{ kind: 'Deployment', namespace, name: 'web' }];
    await put(namespace, 'Application', 'shop', { ...application, status: { resources } });
    expect((await target.restorable('api', 'v1', signal)).restorable).toBe(false);
  });

  it('is refused while its Application is not to be found', async () => {
    const { namespace, target } = await aPlace((name) => ({ ...tracked(name), gitops: 'suspend' }));
    expect((await target.restorable('api', 'v1', signal)).reason).toContain(
      `Argo CD Application ${namespace}/shop cannot be suspended (it is not to be found)`,
    );
  });
});

describe('a workload whose release is reverted by pull request', { timeout: 90_000 }, () => {
  afterEach(cleanUp);

  /** `deploy/` went from v1 to v2, and that is what Argo CD has applied. */
  async function aRepository() {
    const token = 'a-github-t0ken';
    const repository = await startRepository(token);
    await repository.commit('v1', { 'deploy/web.yml': 'v1' });
    const revision = await repository.commit('v2', { 'deploy/web.yml': 'v2' });
    const reverts = createRevertPullRequests({
      owner: 'acme',
      repo: 'deploy',
      token,
      baseUrl: repository.url,
    });
    const repoURL = 'https://github.com/acme/deploy.git';
    const spec = { source: { ...source, repoURL }, syncPolicy: { automated } };
    return { repository, reverts, application: { spec, status: { sync: { revision } } } };
  }

  it('waits for the merge, which brings the old release back, and touches nothing itself', async () => {
    const { repository, reverts, application: applied } = await aRepository();
    const { namespace, target, path } = await aPlace((name) => ({
      ...tracked(name),
      gitops: 'pull_request',
      reverts,
    }));
    const read = await put(namespace, 'Application', 'shop', applied);
    expect((await target.restorable('api', 'v1', signal)).restorable).toBe(true);
    const step = aStep('inc-7/1/1');
    const restoring = target.restore('api', 'v1', step);
    await eventually(() => step.heard.some((word) => word.startsWith('waiting until the revert')), 30_000);
    expect(step.heard[0]).toBe("the revert's pull request: https://github.example/acme/deploy/pull/1");
    expect(repository.git('show', 'rollback/inc-7:deploy/web.yml')).toBe('v1');
    expect((await target.live('api', signal)).configured).toBe('v2');
    expect((await read()).spec.syncPolicy.automated).toEqual(automated);
    // What Argo CD does when it is merged.
    await cluster.apply(path, aWorkload(aTemplate('v1'), {}, 'Deployment', tracked(namespace)));
    await restoring;
    expect((await target.live('api', signal)).configured).toBe('v1');
  });

  it('is asked for as well where the sync is suspended, and the rollback does not wait for it', async () => {
    const { repository, reverts, application: applied } = await aRepository();
    const { namespace, target } = await aPlace((name) => ({ ...tracked(name), gitops: 'suspend', reverts }));
    await put(namespace, 'Application', 'shop', applied);
    const step = aStep('inc-8/1/1');
    await target.restore('api', 'v1', step);
    expect((await target.live('api', signal)).configured).toBe('v1');
    expect(step.heard.join('\n')).toContain("the revert's pull request: https://github.example/");
    expect(repository.pulls).toMatchObject([{ title: 'Roll back deployment/web from v2 to v1' }]);
  });

  it('is refused where it is written somewhere else', async () => {
    const { reverts } = await aRepository();
    const { namespace, target } = await aPlace((name) => ({
      ...tracked(name),
      gitops: 'pull_request',
      reverts,
    }));
    await put(namespace, 'Application', 'shop', application);
    expect((await target.restorable('api', 'v1', signal)).reason).toContain(
      'is not possible (it is in https://git.example/shop.git, not in gitops_repository)',
    );
  });
});

describe('a workload with the marks of Argo CD that may not be looked into', { timeout: 60_000 }, () => {
  afterEach(cleanUp);

  it('is refused where the mark is certain, also by the checks beforehand', async () => {
    const { target } = await aPlace((name) => ({ ...tracked(name), gitops: 'suspend', allowed: false }));
    const words = 'cannot be suspended (there is no right to read it)';
    expect((await target.restorable('api', 'v1', signal)).reason).toContain(words);
    const checks = (await target.checks?.('api', signal)) ?? [];
    expect(checks.filter(({ ok }) => !ok).map(({ detail }) => detail)).toEqual([
      expect.stringContaining(words),
    ]);
  });

  it('may be rolled back where the mark is one that Helm writes as well', async () => {
    const labels = { 'app.kubernetes.io/instance': 'shop' };
    const { target } = await aPlace(() => ({ labels, allowed: false }));
    expect((await target.restorable('api', 'v1', signal)).restorable).toBe(true);
  });
});

describe('a workload under Flux', { timeout: 60_000 }, () => {
  afterEach(cleanUp);

  it.for([
    [
      'Kustomization',
      { sourceRef: { kind: 'GitRepository', name: 'shop' }, path: './deploy' },
      'GitRepository shop ./deploy',
    ],
    ['HelmRelease', { chart: { spec: { chart: 'shop' } } }, 'chart shop'],
  ] as [GitOpsKind, Json, string][])('is suspended by its %s', async ([kind, spec, from]) => {
    const { group } = kinds[kind];
    const labels = (namespace: string) => ({ [`${group}/name`]: 'shop', [`${group}/namespace`]: namespace });
    const refusing = await aPlace((namespace) => ({ labels: labels(namespace) }));
    await put(refusing.namespace, kind, 'shop', { spec });
    expect((await refusing.target.restorable('api', 'v1', signal)).reason).toContain(
      `Flux ${kind} ${refusing.namespace}/shop would put the bad release back: revert the release in ${from}`,
    );
    const { namespace, target } = await aPlace((name) => ({ labels: labels(name), gitops: 'suspend' }));
    const read = await put(namespace, kind, 'shop', { spec });
    const step = aStep('k');
    await target.restore('api', 'v1', step);
    expect((await read()).spec).toEqual({ ...spec, suspend: true });
    expect(step.heard[0]).toContain(`Flux ${kind} ${namespace}/shop is suspended`);
    expect((await target.restorable('api', 'v2', signal)).restorable).toBe(true);
  });
});
