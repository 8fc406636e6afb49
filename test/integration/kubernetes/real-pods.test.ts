import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createKubernetesTarget } from '../../../adapters/deploy-target/kubernetes.ts';
import { createHttpProbe } from '../../../adapters/health/http-probe.ts';
import { createProxyTraffic } from '../../../adapters/traffic/proxy.ts';
import { aStep } from '../../adapters/deploy-target/sample-service.ts';
import { cleanUp, eventually, freePorts, temporaryFolder } from '../../adapters/temporary.ts';
import { aProxyProcess, proxyFiles } from '../../adapters/traffic/backends.ts';
import { type Cluster, type Json, startCluster } from './cluster.ts';
import { type NodeAgent, startNodeAgent } from './node-agent.ts';
import { aTemplate, aWorkload, leastRights, pathOf, rolledOut } from './workloads.ts';

const signal = AbortSignal.timeout(600_000);
let cluster: Cluster;
let agent: NodeAgent;
beforeAll(async () => {
  cluster = await startCluster();
  agent = await startNodeAgent(cluster);
});
afterAll(async () => {
  await agent?.stop();
  await cluster?.stop();
});

const serves = `
  const { createServer } = require('node:http');
  createServer((request, response) => response.end(process.env.RELEASE)).listen(process.env.PORT, process.env.POD_IP);
`;
const crashes = "setTimeout(() => { console.error('no database at db:5432'); process.exit(3); }, 100);";

/** A release whose pods are processes of this machine. */
function aRelease(release: string, code: string, port: number): Json {
  const env = Object.entries({ RELEASE: release, PORT: String(port) }).map(([name, value]) => ({
    name,
    value,
  }));
  const readinessProbe = { httpGet: { path: '/', port } };
  const container = { command: [process.execPath, '--eval', code], env, readinessProbe };
  return aTemplate(release, {
    container,
    pod: { nodeSelector: agent.labels, terminationGracePeriodSeconds: 5 },
  });
}

describe('a rollback on Kubernetes under real traffic', { timeout: 90_000 }, () => {
  afterEach(cleanUp);

  it('sees the crash loop of the new release, and brings the users back to the old one', async () => {
    const namespace = await cluster.namespace();
    const path = pathOf(namespace);
    const port = await freePorts(1);
    const target = createKubernetesTarget({
      kubeconfig: await leastRights(cluster, namespace),
      namespace,
      workloads: { api: 'deployment/web' },
      port,
    });
    const { url, controlUrl, tokenFile } = await aProxyProcess(proxyFiles(await temporaryFolder()));
    const traffic = createProxyTraffic({ controlUrl, tokenFile });
    const running = async () =>
      (await target.live('api', signal)).instances.filter((instance) => instance.running);
    // Everything at once, so that the bad release is the only one.
    const recreate = { strategy: { type: 'Recreate' } };

    await cluster.apply(path, aWorkload(aRelease('v1', serves, port), recreate));
    await rolledOut(cluster, path);
    const { recipe = null } = await target.live('api', signal);
    await traffic.resume('api', { release: 'v1', instances: await running(), signal });
    expect(await (await fetch(url)).text()).toBe('v1');

    await cluster.apply(path, aWorkload(aRelease('v2', crashes, port), recreate));
    const words =
      /^CrashLoopBackOff: back-off restarting failed container web, last exit code 3: no database at db:5432$/;
    const sick = await eventually(async () => {
      const { instances } = await target.live('api', signal);
      return instances.length === 2 && instances.every(({ trouble }) => words.test(trouble ?? ''))
        ? instances
        : null;
    }, 30_000);
    const probes = await createHttpProbe({ path: '/' }).probe(sick, signal);
    expect(probes.map(({ healthy }) => healthy)).toEqual([false, false]);
    expect(probes[0]?.detail).toMatch(words);
    expect((await fetch(url)).status).toBeGreaterThanOrEqual(500);

    await traffic.stop('api', { reason: 'going back to v1', retryAfterSeconds: 5, signal });
    const step = { ...aStep('rollback/1'), recipe };
    await target.restore('api', 'v1', step);
    await target.restart('api', step);
    expect((await fetch(url)).status).toBe(503);
    await traffic.resume('api', { release: 'v1', instances: await running(), signal });
    const answers = await Promise.all(Array.from({ length: 10 }, async () => (await fetch(url)).text()));
    expect([...new Set(answers)]).toEqual(['v1']);
  });
});
