import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { freePorts } from '../../adapters/temporary.ts';
import { endPrograms, type RunningProgram, startProgram, untilUp } from './programs.ts';

/** A control plane on loopback: every decision is Kubernetes' own, only the containers are kwok's. RBAC is in force. */
export interface Cluster {
  readonly url: string;
  readonly adminToken: string;
  /** Trusts the certificate of the API server. */
  readonly dispatcher: Agent;
  /** Asks the API server as `system:masters`; throws on any status of 400 and above. */
  api<T = Json>(method: string, path: string, body?: unknown, contentType?: string): Promise<T>;
  /** Creates or replaces an object by server-side apply, as `kubectl apply --server-side` does. */
  apply(path: string, object: unknown): Promise<Json>;
  /** A namespace of its own for a test, with its default service account. */
  namespace(): Promise<string>;
  /** A token of a service account. */
  token(namespace: string, account: string): Promise<string>;
  /** The path of a kubeconfig that speaks with this token. */
  kubeconfig(token: string): Promise<string>;
  /** Freezes the API server for so long, as while it is exchanged for a newer one. */
  freeze(forMs: number): Promise<void>;
  stop(): Promise<void>;
}

type Client = Omit<Cluster, 'stop' | 'freeze'>;

// biome-ignore lint/suspicious/noExplicitAny: objects of the API as tests read them
export type Json = any;

/** Two, so that a DaemonSet has two pods. */
const fakeNodes = ['fake-1', 'fake-2'];

export async function startCluster(): Promise<Cluster> {
  const folder = await mkdtemp(join(tmpdir(), 'rollback-cluster-'));
  const programs: RunningProgram[] = [];
  const stop = async () => {
    await endPrograms(programs);
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const client = await startAll(folder, programs);
    const server = programs.find(({ name }) => name === 'kube-apiserver');
    const freeze = async (forMs: number) => {
      server?.child.kill('SIGSTOP');
      await sleep(forMs);
      server?.child.kill('SIGCONT');
    };
    return { ...client, freeze, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startAll(folder: string, programs: RunningProgram[]): Promise<Client> {
  const base = await freePorts(5);
  const [etcd, etcdPeer, server, manager, scheduler] = [base, base + 1, base + 2, base + 3, base + 4];
  const adminToken = await writeSecrets(folder);
  const etcdUrl = `http://127.0.0.1:${etcd}`;
  const url = `https://127.0.0.1:${server}`;
  programs.push(startProgram('etcd', folder, etcdArguments(etcdUrl, `http://127.0.0.1:${etcdPeer}`)));
  programs.push(startProgram('kube-apiserver', folder, serverArguments(folder, etcdUrl, server)));
  await untilUp('certificate of the API server', programs, async () => (await certificate(folder)) !== '');
  const ca = await certificate(folder);
  const client = clientOf(folder, url, adminToken, ca);
  await untilUp('API server', programs, async () => (await client.api('GET', '/readyz')) === 'ok');
  const kubeconfig = await client.kubeconfig(adminToken);
  const listen = (port: number) => [`--secure-port=${port}`, '--bind-address=127.0.0.1'];
  const own = [`--kubeconfig=${kubeconfig}`, '--leader-elect=false', '--cert-dir=certificates'];
  programs.push(
    startProgram('kube-controller-manager', folder, [
      ...own,
      ...listen(manager),
      '--use-service-account-credentials=false',
      '--service-account-private-key-file=service-account.key',
    ]),
    startProgram('kube-scheduler', folder, [...own, ...listen(scheduler)]),
    startProgram(
      'kwok',
      folder,
      [
        `--kubeconfig=${kubeconfig}`,
        '--manage-all-nodes=false',
        '--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake',
        '--node-lease-duration-seconds=40',
        '--config=kwok-stages.yaml',
      ],
      { KUBE_FEATURE_WatchListClient: 'false' },
    ),
  );
  for (const name of fakeNodes) await addNode(client, name, programs);
  return client;
}

async function addNode(
  { api }: Pick<Cluster, 'api'>,
  name: string,
  programs: readonly RunningProgram[],
): Promise<void> {
  await api('POST', '/api/v1/nodes', { metadata: { name, annotations: { 'kwok.x-k8s.io/node': 'fake' } } });
  await untilUp(`node ${name}`, programs, async () => {
    const { status, spec } = await api('GET', `/api/v1/nodes/${name}`);
    const ready = status.conditions?.some((entry: Json) => entry.type === 'Ready' && entry.status === 'True');
    return ready === true && spec.taints === undefined;
  });
}

function clientOf(folder: string, url: string, adminToken: string, ca: string): Client {
  const dispatcher = new Agent({ connect: { ca } });
  const api: Cluster['api'] = async (method, path, body, contentType = 'application/json') => {
    const response = await request(`${url}${path}`, {
      dispatcher,
      method: method as 'GET',
      headers: { authorization: `Bearer ${adminToken}`, 'content-type': contentType },
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(30_000),
    });
    const text = await response.body.text();
    if (response.statusCode >= 400)
      throw new Error(`${method} ${path}: HTTP ${response.statusCode} ${text.slice(0, 1_000)}`);
    return text.startsWith('{') ? JSON.parse(text) : text;
  };
  return {
    url,
    adminToken,
    dispatcher,
    api,
    apply: (path, object) =>
      api('PATCH', `${path}?fieldManager=pipeline&force=true`, object, 'application/apply-patch+yaml'),
    async namespace() {
      const name = `test-${randomBytes(4).toString('hex')}`;
      await api('POST', '/api/v1/namespaces', { metadata: { name } });
      const account = `/api/v1/namespaces/${name}/serviceaccounts/default`;
      await untilUp('service account', [], async () => (await api('GET', account)) !== null, 20_000);
      return name;
    },
    async token(namespace, account) {
      const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
      return (await api('POST', path, {})).status.token;
    },
    async kubeconfig(token) {
      const file = join(folder, `kubeconfig-${randomBytes(4).toString('hex')}`);
      await writeFile(file, JSON.stringify(kubeconfigOf(url, token, ca)));
      return file;
    },
  };
}

/** The controllers come in as administrators: their rights are not under test. */
async function writeSecrets(folder: string): Promise<string> {
  const adminToken = randomBytes(16).toString('hex');
  await writeFile(join(folder, 'tokens.csv'), `${adminToken},admin,admin,system:masters\n`);
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  await writeFile(join(folder, 'service-account.key'), privateKey);
  const stages = await readFile(new URL('./kwok-stages.yaml', import.meta.url));
  await writeFile(join(folder, 'kwok-stages.yaml'), stages);
  return adminToken;
}

function etcdArguments(url: string, peerUrl: string): string[] {
  return [
    '--data-dir=etcd',
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=default=${peerUrl}`,
    '--log-level=error',
  ];
}

function serverArguments(folder: string, etcdUrl: string, port: number): string[] {
  return [
    `--etcd-servers=${etcdUrl}`,
    `--secure-port=${port}`,
    '--bind-address=127.0.0.1',
    // It makes its own certificate for the address that it binds.
    `--cert-dir=${join(folder, 'certificates')}`,
    '--service-cluster-ip-range=10.0.0.0/24',
    '--token-auth-file=tokens.csv',
    '--authorization-mode=RBAC',
    '--service-account-issuer=https://kubernetes.default.svc',
    '--service-account-key-file=service-account.key',
    '--service-account-signing-key-file=service-account.key',
    // Debian's etcd 3.4 does not tell the progress of a watch as this feature needs it.
    '--feature-gates=WatchList=false',
  ];
}

async function certificate(folder: string): Promise<string> {
  return readFile(join(folder, 'certificates', 'apiserver.crt'), 'utf8').catch(() => '');
}

function kubeconfigOf(server: string, token: string, ca: string) {
  const data = Buffer.from(ca).toString('base64');
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority-data': data } }],
    users: [{ name: 'test', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    'current-context': 'test',
  };
}
