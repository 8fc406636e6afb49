import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { filesIn } from './files-in.ts';
import type { FoundService } from './found.ts';
import { memoryMb } from './memory.ts';
import { portIn } from './ports.ts';
import { slug } from './slug.ts';

const workloads = ['Deployment', 'StatefulSet', 'DaemonSet'];
const folders = ['.', 'k8s', 'kubernetes', 'manifests', 'deploy', 'deploy/kubernetes', '.k8s'];

interface Manifest {
  readonly kind?: string;
  readonly metadata?: { readonly name?: string; readonly namespace?: string };
  readonly spec?: { readonly template?: { readonly spec?: { readonly containers?: readonly Container[] } } };
}

interface Container {
  readonly ports?: readonly { readonly containerPort?: number }[];
  readonly resources?: { readonly limits?: { readonly memory?: unknown } };
  readonly readinessProbe?: Probe;
  readonly livenessProbe?: Probe;
}

interface Probe {
  readonly httpGet?: { readonly path?: string };
}

/** Every Deployment, StatefulSet and DaemonSet in the manifests of a folder. */
export async function kubeServices(
  folder: string,
  defaultNamespace: string,
  say: (line: string) => void,
): Promise<FoundService[]> {
  const files = await filesIn(folder, folders, /\.ya?ml$/);
  const found = files.flatMap(({ path, text }) =>
    manifestsIn(text).flatMap((manifest): FoundService[] => {
      const { kind, metadata } = manifest;
      if (kind === undefined || metadata?.name === undefined || !workloads.includes(kind)) return [];
      const workload = `${kind.toLowerCase()}/${metadata.name}`;
      const namespace = metadata.namespace ?? defaultNamespace;
      say(`${path}: ${workload} in namespace ${namespace}`);
      return [
        {
          name: slug(metadata.name),
          where: { kind: 'kubernetes', namespace, workload },
          ...limitsOf(manifest),
        },
      ];
    }),
  );
  return found.filter(({ name }, at) => found.findIndex((other) => other.name === name) === at);
}

function limitsOf({ spec }: Manifest) {
  const [container] = spec?.template?.spec?.containers ?? [];
  const probe = container?.readinessProbe?.httpGet ?? container?.livenessProbe?.httpGet;
  return {
    port: portIn(container?.ports?.[0]?.containerPort),
    memoryLimitMb: memoryMb(container?.resources?.limits?.memory),
    healthPath: probe?.path ?? null,
  };
}

function manifestsIn(text: string): Manifest[] {
  if (!/^kind:/m.test(text)) return [];
  try {
    return parseAllDocuments(text).map((document) => (document.toJS() ?? {}) as Manifest);
  } catch {
    return [];
  }
}

interface KubeConfig {
  readonly 'current-context'?: string;
  readonly contexts?: readonly {
    readonly name: string;
    readonly context?: { readonly namespace?: string };
  }[];
}

/** The current context of `KUBECONFIG` or `~/.kube/config`. */
export async function kubeContext(
  env: NodeJS.ProcessEnv,
): Promise<{ readonly name: string; readonly namespace: string } | null> {
  const [file] = (env.KUBECONFIG || join(env.HOME || homedir(), '.kube', 'config')).split(delimiter);
  const text = await readFile(file as string, 'utf8').catch(() => null);
  if (text === null) return null;
  try {
    const config = parse(text) as KubeConfig;
    const name = config['current-context'];
    if (name === undefined || name === '') return null;
    const context = config.contexts?.find((entry) => entry.name === name)?.context;
    return { name, namespace: context?.namespace ?? 'default' };
  } catch {
    return null;
  }
}
