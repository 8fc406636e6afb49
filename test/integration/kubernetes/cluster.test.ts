import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../adapters/temporary.ts';
import { type Cluster, startCluster } from './cluster.ts';

describe('the test cluster', { timeout: 60_000 }, () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster();
  });
  afterAll(() => cluster?.stop());

  it('rolls out a deployment', async () => {
    const namespace = await cluster.namespace();
    const path = `/apis/apps/v1/namespaces/${namespace}/deployments/web`;
    await cluster.apply(path, {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web' },
      spec: {
        replicas: 2,
        selector: { matchLabels: { app: 'web' } },
        template: {
          metadata: { labels: { app: 'web' } },
          spec: { containers: [{ name: 'web', image: 'registry.example/web:v1' }] },
        },
      },
    });
    await eventually(async () => (await cluster.api('GET', path)).status?.availableReplicas === 2, 30_000);
  });

  it('lets nobody do what they have no right to', async () => {
    const namespace = await cluster.namespace();
    const path = `${cluster.url}/api/v1/namespaces/${namespace}/pods`;
    const ask = (token: string) =>
      request(path, { dispatcher: cluster.dispatcher, headers: { authorization: `Bearer ${token}` } });
    expect((await ask('nobody')).statusCode).toBe(401);
    expect((await ask(await cluster.token(namespace, 'default'))).statusCode).toBe(403);
    expect((await ask(cluster.adminToken)).statusCode).toBe(200);
  });

  it('says what is missing, and who gets it', async () => {
    const { TEST_KUBERNETES } = process.env;
    process.env.TEST_KUBERNETES = '/no/such';
    try {
      await expect(startCluster()).rejects.toThrow(
        /no kube-apiserver: \/no\/such\/kube-apiserver \(TEST_KUBERNETES\) cannot be run; npm run test:integration/,
      );
    } finally {
      process.env.TEST_KUBERNETES = TEST_KUBERNETES;
    }
  });
});
