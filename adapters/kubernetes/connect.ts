import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { RequestContext } from '@kubernetes/client-node';
import type { Dispatcher } from 'undici';
import { createGuardedAgent } from '../http/guarded-agent.ts';

/** Which cluster, as whom. */
export interface ClusterAccess {
  /** A kubeconfig file. Absent: the service account of the pod that this runs in, else `KUBECONFIG` or `~/.kube/config`. */
  readonly kubeconfig?: string;
  /** Of the kubeconfig; default its current one. */
  readonly context?: string;
}

/** What a request needs to get in. */
export interface Credentials {
  readonly server: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly dispatcher: Dispatcher;
}

/**
 * Asks for credentials anew each time: tokens of service accounts and of login programs are renewed every few minutes. The
 * client is loaded with the first question, so that who has no Kubernetes does not wait for its thousand models.
 */
export async function connect(access: ClusterAccess): Promise<() => Promise<Credentials>> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  load(config, access);
  if (access.context !== undefined) {
    const known = config.getContexts().map(({ name }) => name);
    if (!known.includes(access.context))
      throw new Error(
        `${placeOf(access)} has no context ${access.context}; it has ${known.join(', ') || 'none'}`,
      );
    config.setCurrentContext(access.context);
  }
  const server = config.getCurrentCluster()?.server;
  if (server === undefined) throw new Error(`${placeOf(access)} names no cluster in its current context`);
  // The client's own connections are made without a look at the address.
  let connection: ReturnType<typeof config.createDispatcherOptions> | undefined;
  const optionsOf = config.createDispatcherOptions.bind(config);
  config.createDispatcherOptions = (...given) => {
    connection = optionsOf(...given);
    return connection;
  };
  const guarded = (made: Dispatcher | undefined): Dispatcher => {
    if (connection?.type === 'agent') return createGuardedAgent({ connect: connection.connect });
    // A proxy connects in our stead.
    return made ?? createGuardedAgent();
  };
  // Each call makes a pool of connections; the first is kept, or every question would begin with a handshake.
  let kept: Dispatcher | undefined;
  return async () => {
    const headers: Record<string, string> = {};
    let made: Dispatcher | undefined;
    const context = {
      setHeaderParam: (name: string, value: string) => {
        headers[name] = value;
      },
      setDispatcher: (dispatcher: Dispatcher) => {
        made = dispatcher;
      },
    };
    await config.applySecurityAuthentication(context as unknown as RequestContext);
    kept ??= guarded(made);
    return { server: server.replace(/\/+$/, ''), headers, dispatcher: kept };
  };
}

interface Loadable {
  loadFromFile(file: string): void;
  loadFromCluster(): void;
  loadFromDefault(): void;
}

/** Not the client's own order: that one ends at localhost:8080, which nobody means. */
function load(config: Loadable, access: ClusterAccess): void {
  try {
    if (access.kubeconfig !== undefined) config.loadFromFile(access.kubeconfig);
    else if (inCluster()) config.loadFromCluster();
    else if (process.env.KUBECONFIG !== undefined || existsSync(homeFile())) config.loadFromDefault();
    else throw new Error('no such file, and this is no pod of a cluster');
  } catch (error) {
    throw new Error(`${placeOf(access)} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

function placeOf({ kubeconfig }: ClusterAccess): string {
  if (kubeconfig !== undefined) return `kubeconfig ${kubeconfig}`;
  if (inCluster()) return 'the service account of this pod';
  return `kubeconfig ${process.env.KUBECONFIG ?? homeFile()}`;
}

const inCluster = () => process.env.KUBERNETES_SERVICE_HOST !== undefined;
const homeFile = () => join(homedir(), '.kube', 'config');
