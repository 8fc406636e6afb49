import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster, Json } from './cluster.ts';

/**
 * A node whose pods are real: the command of a pod's one container runs as a process on this machine, with an address of its own
 * (127.0.0.N, in POD_IP), and its end is told as a kubelet tells it. No images, volumes or networks.
 */
export interface NodeAgent {
  /** For the nodeSelector of templates. */
  readonly labels: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

interface RunningPod {
  readonly path: string;
  readonly ip: string;
  readonly container: Json;
  child: ChildProcess | null;
  restarts: number;
  /** The last words of the process before. */
  ended: { readonly exitCode: number; readonly message: string } | null;
  /** Of its status, as JSON. */
  told: string;
  isEnding: boolean;
}

const lookEveryMs = 100;
const firstBackOffMs = 500;
let lastAddress = 1;

export async function startNodeAgent(cluster: Cluster, name = 'agent'): Promise<NodeAgent> {
  const labels = { 'test/node': name };
  await cluster.api('POST', '/api/v1/nodes', { metadata: { name, labels } });
  await tellNode(cluster, name);
  const pods = new Map<string, RunningPod>();
  let stopped = false;
  const work = async () => {
    while (!stopped) {
      await lookAround(cluster, name, pods);
      await sleep(lookEveryMs);
    }
  };
  const working = work();
  // The controller takes a node that is silent for forty seconds for lost.
  const beats = setInterval(() => void tellNode(cluster, name).catch(() => undefined), 10_000);
  return {
    labels,
    async stop() {
      stopped = true;
      clearInterval(beats);
      await working;
      for (const { child } of pods.values()) child?.kill('SIGKILL');
    },
  };
}

async function tellNode(cluster: Cluster, name: string): Promise<void> {
  const now = new Date().toISOString();
  const ready = {
    type: 'Ready',
    status: 'True',
    reason: 'Agent',
    lastHeartbeatTime: now,
    lastTransitionTime: now,
  };
  const room = { cpu: '8', memory: '8Gi', pods: '50' };
  const status = { conditions: [ready], capacity: room, allocatable: room };
  await cluster.api('PATCH', `/api/v1/nodes/${name}/status`, { status }, 'application/merge-patch+json');
}

async function lookAround(cluster: Cluster, node: string, pods: Map<string, RunningPod>): Promise<void> {
  const { items } = await cluster.api('GET', `/api/v1/pods?fieldSelector=spec.nodeName%3D${node}`);
  await Promise.all(
    items.map(async ({ metadata, spec }: Json) => {
      const path = `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}`;
      const pod = pods.get(metadata.uid) ?? begin(path, spec.containers[0]);
      pods.set(metadata.uid, pod);
      // What went meanwhile needs no status.
      const work = metadata.deletionTimestamp === undefined ? tell(cluster, pod) : end(cluster, pod);
      await work.catch((error: Error) => {
        if (!error.message.includes('HTTP 404')) throw error;
      });
    }),
  );
}

function begin(path: string, container: Json): RunningPod {
  lastAddress += 1;
  const pod: RunningPod = {
    path,
    ip: `127.0.0.${lastAddress}`,
    container,
    child: null,
    restarts: 0,
    ended: null,
    told: '',
    isEnding: false,
  };
  run(pod);
  return pod;
}

function run(pod: RunningPod): void {
  const [program = '', ...args] = [...pod.container.command, ...(pod.container.args ?? [])];
  const env = Object.fromEntries(
    (pod.container.env ?? []).map(({ name, value, valueFrom }: Json) => [
      name,
      valueFrom?.fieldRef?.fieldPath === 'status.podIP' ? pod.ip : value,
    ]),
  );
  const child = spawn(program, args, { env: { PATH: process.env.PATH, POD_IP: pod.ip, ...env } });
  let words = '';
  child.stderr.on('data', (piece) => {
    words = `${words}${piece}`.slice(-500);
  });
  child.stdout.resume();
  pod.child = child;
  child.on('close', (code, signal) => {
    pod.child = null;
    pod.ended = { exitCode: code ?? (signal === 'SIGKILL' ? 137 : 143), message: words.trim() };
    setTimeout(() => restart(pod), firstBackOffMs * 2 ** Math.min(pod.restarts, 4)).unref();
  });
}

function restart(pod: RunningPod): void {
  if (pod.isEnding || pod.child !== null) return;
  pod.restarts += 1;
  run(pod);
}

/** The status is written when it changed. */
async function tell(cluster: Cluster, pod: RunningPod): Promise<void> {
  const ready = pod.child !== null && (await isReady(pod));
  const status = statusOf(pod, ready);
  const text = JSON.stringify(status);
  if (text === pod.told) return;
  const patch = { status };
  await cluster.api('PATCH', `${pod.path}/status`, patch, 'application/strategic-merge-patch+json');
  pod.told = text;
}

function statusOf({ ip, container, child, restarts, ended }: RunningPod, ready: boolean): Json {
  const terminated =
    ended === null ? null : { ...ended, reason: ended.exitCode === 0 ? 'Completed' : 'Error' };
  const message = `back-off restarting failed container ${container.name}`;
  const state =
    child === null
      ? { waiting: { reason: 'CrashLoopBackOff', message }, running: null }
      : { running: {}, waiting: null };
  return {
    phase: 'Running',
    hostIP: '127.0.0.1',
    podIP: ip,
    podIPs: [{ ip }],
    conditions: ['Ready', 'ContainersReady'].map((type) => ({ type, status: ready ? 'True' : 'False' })),
    containerStatuses: [
      {
        name: container.name,
        image: container.image,
        imageID: container.image,
        ready,
        restartCount: restarts,
        state,
        ...(terminated !== null && { lastState: { terminated } }),
      },
    ],
  };
}

async function isReady({ ip, container }: RunningPod): Promise<boolean> {
  const get = container.readinessProbe?.httpGet;
  if (get === undefined) return true;
  const url = `http://${ip}:${get.port}${get.path ?? '/'}`;
  const answer = await fetch(url, { signal: AbortSignal.timeout(1_000) }).catch(() => null);
  await answer?.text();
  return answer?.ok === true;
}

/** Asked to end, waited for, then gone from the API server: as long as its process lives it is there. */
async function end(cluster: Cluster, pod: RunningPod): Promise<void> {
  const { child } = pod;
  pod.isEnding = true;
  if (child !== null) {
    child.removeAllListeners('close');
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await Promise.race([ended, sleep(2_000)]);
    child.kill('SIGKILL');
    pod.child = null;
  }
  await cluster.api('DELETE', pod.path, { gracePeriodSeconds: 0 });
}
