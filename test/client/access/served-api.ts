import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { openStore, type Store } from '../../../adapters/store/store.ts';
import type { RateLimits } from '../../../client/api/access/rate-limits.ts';
import { createApp } from '../../../client/api/app.ts';
import type { AppOptions } from '../../../client/api/app-types.ts';
import type { Operations } from '../../../client/api/operations.ts';
import { type AccessSettings, noAccessSettings } from '../../../config/access.ts';
import type { Role } from '../../../domain/access.ts';
import { createCatalog } from '../../../worker/catalog.ts';
import type { GitHubHookSettings } from '../../../worker/github-hook-settings.ts';
import { afterwards } from '../../adapters/temporary.ts';

export const localToken = 'the-token-of-the-data-folder';

export interface ServedApi {
  readonly url: string;
  readonly store: Store;
  /** What reached the operations: `pause shop Ada`. */
  readonly reached: string[];
  /** Changes who may sign in and which pipelines are known. */
  use(settings: Partial<AccessSettings>): void;
  /** Changes what is taken from GitHub's webhooks. */
  useHook(settings: GitHubHookSettings): void;
  /** Makes an API token, as an admin. */
  tokenFor(role: Role, product?: string | null, more?: object): Promise<string>;
  call(method: string, path: string, options?: CallOptions): Promise<Called>;
}

interface CallOptions {
  readonly token?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

export interface Called {
  readonly status: number;
  readonly body: Record<string, unknown> & { error?: string; reason?: string };
  readonly headers: Headers;
}

/** The API over a real store, served by HTTP, with two products; what it would do to workflows is written down. */
export async function aServedApi(
  location = ':memory:',
  limits?: RateLimits,
  slack?: AppOptions['slack'],
): Promise<ServedApi> {
  const store = await openStore(location);
  const reached: string[] = [];
  let settings: AccessSettings = noAccessSettings;
  let gitHubHook: GitHubHookSettings | null = null;
  const app = createApp({
    operations: writtenDown(reached),
    store,
    catalog: twoProducts(),
    token: localToken,
    access: async () => settings,
    gitHubHook: async () => gitHubHook,
    limits,
    slack,
    temporalUi: null,
    health: {
      problems: async () => [],
      ready: async () => ({ store: true, temporal: true }),
      rollbackPhase: async () => null,
    },
  });
  const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 });
  await new Promise((resolve) => server.once('listening', resolve));
  afterwards(async () => {
    if ('closeAllConnections' in server) server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await store.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  async function call(method: string, path: string, options: CallOptions = {}): Promise<Called> {
    const { token = localToken, body, headers = {} } = options;
    const response = await fetch(`${url}${path}`, {
      method,
      redirect: 'manual',
      headers: {
        ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = response.headers.get('content-type')?.includes('event-stream') ? '' : await response.text();
    await response.body?.cancel().catch(() => undefined);
    return { status: response.status, body: parsed(text), headers: response.headers };
  }

  let made = 0;
  return {
    url,
    store,
    reached,
    call,
    use: (changed) => {
      settings = { ...settings, ...changed };
    },
    useHook: (changed) => {
      gitHubHook = changed;
    },
    tokenFor: async (role, product = null, more = {}) => {
      made += 1;
      const { body } = await call('POST', '/v1/tokens', {
        body: { name: `token-${made}`, role, product, ...more },
      });
      return body.secret as string;
    },
  };
}

function twoProducts() {
  const target = 'deploy_target: { kind: local-process, root: a, command: [b], base_port: 1 }';
  const product = `{ services: { web: { ${target}, metrics: { kind: otlp, memory_limit_mb: 512 } } } }`;
  return createCatalog({
    read: async () => ({
      version: 1,
      source: `products: { shop: ${product}, billing: ${product} }`,
      file: 'c.yml',
    }),
    env: {},
    incidentsFolder: '/nowhere',
    queues: { control: 'c', watch: 'w' },
    stdout: process.stderr,
  });
}

/** Everything that would be done to workflows is accepted and written down with who did it. */
function writtenDown(reached: string[]): Operations {
  const accepted = { accepted: true, queued: false, reason: 'written down' };
  const write =
    (name: string, answer: unknown) =>
    async (first: unknown, ...rest: unknown[]) => {
      const { product = '' } = (typeof first === 'object' ? first : {}) as { product?: string };
      const by = rest
        .map(
          (given) =>
            (given as { by?: string; author?: string } | null)?.by ??
            (given as { author?: string } | null)?.author,
        )
        .find((name) => name !== undefined);
      reached.push([name, product, by ?? ''].join(' ').trim());
      return answer;
    };
  const deployment = {
    product: 'shop',
    environment: 'production',
    deployment: 'd1',
    services: [],
    origin: 'reported' as const,
    status: 'watching' as const,
    outcome: null,
    outcomeReason: null,
    deployedAtMs: 1,
    endedAtMs: null,
    goodMs: 0,
  };
  return {
    report: write('report', { deployment, isNew: true, notes: [] }),
    startMissingMonitors: async () => 0,
    gate: write('gate', { open: true, overridden: false, findings: [], readiness: null }),
    rollBack: write('rollback', accepted),
    planRollback: write('plan', { deployment, services: [] }),
    command: write('command', accepted),
    veto: write('veto', accepted),
    pause: write('pause', undefined),
    resume: write('resume', undefined),
    setStanding: write('standing', undefined),
    setFloor: write('floor', []),
    review: write('review', accepted),
  } as unknown as Operations;
}

function parsed(text: string): Called['body'] {
  try {
    return JSON.parse(text) as Called['body'];
  } catch {
    return { text };
  }
}
