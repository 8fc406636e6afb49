import { spawn } from 'node:child_process';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { createKubernetesTarget } from '../../../adapters/deploy-target/kubernetes.ts';
import { createHaproxyTraffic } from '../../../adapters/traffic/haproxy.ts';
import { play, playGood, startOrchestrator } from '../../../examples/demo/play.ts';
import { startProgram } from '../../../examples/demo/program.ts';
import { untilAnswers, type Workspace } from '../../../examples/demo/workspace.ts';
import { createShopHistory, exportRelease } from '../../../examples/shop/history.ts';
import { startLoad } from '../../../examples/shop/load.ts';
import { aServer } from '../../adapters/http-faults.ts';
import { afterwards, cleanUp, freePorts, kill, temporaryFolder } from '../../adapters/temporary.ts';
import { startHaproxy } from '../haproxy-process.ts';
import { expectSpecifiedStory } from '../specified-story.ts';
import { type Cluster, type Json, startCluster } from './cluster.ts';
import { type NodeAgent, startNodeAgent } from './node-agent.ts';
import { leastRights, rolledOut } from './workloads.ts';

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
afterEach(cleanUp, 60_000);

const signal = AbortSignal.timeout(600_000);
const releases = ['v2.4.0', 'v2.5.0'] as const;
const path = '/apis/apps/v1/namespaces/shop/deployments/web';
const textOf = (name: string) =>
  readFile(new URL(`../../../examples/kubernetes/${name}`, import.meta.url), 'utf8');

/** Its pods are processes of the node agent: what an image and a ConfigMap hold stands in a folder of the release. */
async function manifestOf(release: string, code: string, payments: number, port: number): Promise<Json> {
  const manifest = parse(
    (await textOf('shop.yaml')).replaceAll('RELEASE', release).replaceAll('8080', String(port)),
  );
  const pod = manifest.spec.template.spec;
  const [container] = pod.containers;
  pod.nodeSelector = agent.labels;
  pod.terminationGracePeriodSeconds = 5;
  delete pod.initContainers;
  delete pod.volumes;
  delete container.volumeMounts;
  container.command = container.command.map((word: string) =>
    word === 'node' ? process.execPath : word.replace('/shop', code),
  );
  for (const variable of container.env) {
    if (variable.name === 'RELEASE') variable.value = release;
    if (variable.name === 'PAYMENTS_URL') variable.value = `http://127.0.0.1:${payments}`;
  }
  return manifest;
}

/** Debian's Prometheus is built without discovery by Kubernetes: the same pods with the same labels come to it over HTTP. */
async function servePods(): Promise<string> {
  return aServer((_request, response) => {
    const answer = async () => {
      const { items } = await cluster.api('GET', '/api/v1/namespaces/shop/pods');
      const pods = items.filter(({ status }: Json) => status.podIP !== undefined);
      return pods.map(({ metadata, status }: Json) => ({
        targets: [status.podIP],
        labels: {
          __meta_kubernetes_pod_ip: status.podIP,
          __meta_kubernetes_pod_name: metadata.name,
          __meta_kubernetes_pod_label_app: metadata.labels.app,
          __meta_kubernetes_pod_label_app_kubernetes_io_version: metadata.labels['app.kubernetes.io/version'],
        },
      }));
    };
    answer().then(
      (pods) => response.setHeader('content-type', 'application/json').end(JSON.stringify(pods)),
      () => response.writeHead(503).end(),
    );
  });
}

/** With the example's own file but for where pods are asked for. */
async function startPrometheus(folder: string, port: number): Promise<string> {
  const config = parse(await textOf('prometheus.yml'));
  const [job] = config.scrape_configs;
  delete job.kubernetes_sd_configs;
  job.http_sd_configs = [{ url: await servePods(), refresh_interval: '1s' }];
  const address = job.relabel_configs.find(({ target_label }: Json) => target_label === '__address__');
  address.replacement = `$1:${port}`;
  await writeFile(join(folder, 'prometheus.yml'), stringify(config));
  const url = `http://127.0.0.1:${await freePorts(1)}`;
  const child = spawn(
    'prometheus',
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'prometheus')}`,
      `--web.listen-address=${url.slice('http://'.length)}`,
      '--log.level=error',
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  afterwards(() => kill(child));
  await untilAnswers(`${url}/-/ready`);
  return url;
}

/** The shop in a cluster, with the files that a user of examples/kubernetes has. */
async function aShop(): Promise<Workspace> {
  const folder = await temporaryFolder();
  await cluster.api('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } });
  const kubeconfig = await leastRights(cluster, 'shop');
  await cp(kubeconfig, join(folder, 'kubeconfig'));
  const repository = join(folder, 'shop.git');
  await createShopHistory({ repository });
  for (const release of releases) await exportRelease({ repository, release, folder: join(folder, release) });
  const [payments, port] = [await freePorts(1), await freePorts(1)];
  await mkdir(join(folder, 'logs'));
  const provider = startProgram(
    'payments',
    ['examples/shop/payments.js'],
    join(folder, 'logs/payments.log'),
    {
      PORT: String(payments),
    },
  );
  afterwards(() => provider.stop());
  const haproxy = await startHaproxy();
  const prometheus = await startPrometheus(folder, port);
  const configFile = join(folder, 'rollback-config.yml');
  const written = (await textOf('rollback-config.yml'))
    .replace('http://127.0.0.1:9090', prometheus)
    .replaceAll('/run/haproxy/rollback.sock', haproxy.socket)
    .replaceAll('/var/lib/haproxy/rollback', join(haproxy.folder, 'rollback'))
    .replace('port: 8080', `port: ${port}`);
  await writeFile(configFile, written);
  const target = createKubernetesTarget({
    kubeconfig,
    namespace: 'shop',
    workloads: { web: 'deployment/web' },
    port,
  });
  const traffic = createHaproxyTraffic(haproxy.options);
  return {
    folder,
    configFile,
    url: haproxy.url,
    /** What a pipeline does: maintenance, kubectl apply, kubectl rollout status, traffic. */
    async deploy(release) {
      await traffic.stop('web', { reason: `deploying ${release}`, retryAfterSeconds: 1, signal });
      await cluster.apply(path, await manifestOf(release, join(folder, release), payments, port));
      await rolledOut(cluster, path);
      const { instances } = await target.live('web', signal);
      await traffic.resume('web', { release, instances, signal });
    },
    setPaymentsFailing: () => Promise.reject(new Error('not in this scenario')),
    close: async () => undefined,
  };
}

/**
 * Scenario 1 of the specification as examples/kubernetes has it: a real API server with its controllers, a real Prometheus,
 * a real HAProxy before them, a real Temporal, and `orchestrator up` with the rights of deploy/kubernetes alone.
 */
it('puts the pod template of v2.4.0 back when v2.5.0 fails, and users come back to it', async () => {
  const workspace = await aShop();
  const asWritten = parse((await textOf('shop.yaml')).replaceAll('RELEASE', 'v2.4.0'));
  const strict = 'fieldManager=pipeline&dryRun=All&fieldValidation=Strict';
  await cluster.api('PATCH', `${path}?${strict}`, asWritten, 'application/apply-patch+yaml');
  const { client, program } = await startOrchestrator(workspace, workspace.folder, [
    '--port',
    '0',
    '--metrics-port',
    '0',
  ]);
  afterwards(() => program.stop());
  const load = startLoad({ url: workspace.url, requestsPerSecond: 80, seed: 7, maxSeconds: 600 });
  afterwards(() => load.stop());
  const told: string[] = [];
  const stage = { workspace, client, say: (line: string) => void told.push(line) };

  await playGood(stage, 'v2.4.0');
  const good = (await cluster.api('GET', path)).spec.template;
  expect(
    (await client.gate({ product: 'shop' }, { release: 'v2.5.0' })).findings.filter(
      ({ kind }) => kind === 'refused',
    ),
  ).toEqual([]);
  expect(await play(stage, 'v2.5.0'), told.join('\n')).toBe('rolled_back');

  expectSpecifiedStory(told.join('\n'), /Monitoring detects breach: .*(requests failed|error rate)/);
  const deployment = await rolledOut(cluster, path);
  expect(deployment.spec.template).toEqual(good);
  const report = await load.stop();
  expect(report.total.errors).toBeGreaterThan(20);
  const after = report.seconds.slice(report.seconds.findLastIndex(({ maintenance }) => maintenance > 0) + 1);
  const ok = after.reduce((sum, second) => sum + second.ok, 0);
  const errors = after.reduce((sum, second) => sum + second.errors + second.refused, 0);
  expect(ok).toBeGreaterThan(80);
  expect(errors / (ok + errors)).toBeLessThan(0.03);
}, 240_000);
