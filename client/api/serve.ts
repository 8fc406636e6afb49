import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { dirname } from 'node:path';
import { serve } from '@hono/node-server';
import { Client } from '@temporalio/client';
import type { NativeConnection } from '@temporalio/worker';
import type { Catalog } from '../../activities/dependencies.ts';
import type { Store } from '../../adapters/store/store.ts';
import { type AccessSettings, noAccessSettings } from '../../config/access.ts';
import { rollbackWorkflowId } from '../../domain/identity.ts';
import { createRedactor, type Redactor } from '../../domain/redaction.ts';
import { redactingCodec } from '../../worker/redacting.ts';
import { statusQuery } from '../../workflows/messages.ts';
import type { SlackApp } from '../slack/slack-app.ts';
import type { RateLimits } from './access/rate-limits.ts';
import { createApp } from './app.ts';
import type { AppOptions, Health } from './app-types.ts';
import { createOperations, type Operations } from './operations.ts';
import { createIncidentMemory } from './reading/incident-memory.ts';

export interface ServeOptions {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly store: Store;
  readonly catalog: Catalog;
  readonly searchAttributes: boolean;
  readonly temporalUi: string | null;
  readonly token: string;
  /** Who may sign in, and which pipelines are known; absent: nobody but who has a token. */
  readonly access?: () => Promise<AccessSettings>;
  /** What is taken from GitHub's webhooks; absent: nothing. */
  readonly gitHubHook?: AppOptions['gitHubHook'];
  /** Keeps secrets out of histories; absent: there are none. */
  readonly redactor?: Redactor | undefined;
  /** Makes the Slack app over what people can do; absent: there is none. */
  readonly slack?: (operations: Operations) => SlackApp;
  /** Requests a minute; absent: the usual. */
  readonly limits?: RateLimits | undefined;
  readonly host: string;
  readonly port: number;
  /** What is wrong with the system itself, one sentence each. */
  readonly problems: () => Promise<string[]>;
}

export interface RunningApi {
  readonly url: string;
  readonly operations: Operations;
  /** What also listens over HTTP; `null`: none was asked for. */
  readonly slack: SlackApp | null;
  /** Ends every connection; whoever was connected may come again. */
  cutLines(): void;
  close(): Promise<void>;
}

/** Serves the API. Binds to loopback unless a host is given. */
export async function serveApi(options: ServeOptions): Promise<RunningApi> {
  const { connection, namespace, store, catalog, searchAttributes, temporalUi, token } = options;
  const access = options.access ?? (async () => noAccessSettings);
  const redactor = options.redactor ?? createRedactor([]);
  const client = new Client({
    connection,
    namespace,
    dataConverter: { payloadCodecs: [redactingCodec(redactor)] },
  });
  const operations = createOperations({ client, store, catalog, searchAttributes });
  const health: Health = {
    problems: options.problems,
    ready: async () => ({
      store: await answers(() => store.check()),
      temporal: await answers(() => connection.workflowService.getSystemInfo({})),
    }),
    rollbackPhase: async (key) =>
      client.workflow
        .getHandle(rollbackWorkflowId(key))
        .query(statusQuery)
        .then(
          ({ phase }) => phase,
          () => null,
        ),
  };
  const slack = options.slack?.(operations) ?? null;
  const recall = createIncidentMemory(store);
  const app = createApp({
    recall,
    operations,
    store,
    catalog,
    token,
    access,
    gitHubHook: options.gitHubHook,
    limits: options.limits,
    slack: slack ?? undefined,
    temporalUi,
    health,
  });
  const server = await new Promise<ReturnType<typeof serve>>((resolve, reject) => {
    const started = serve({ fetch: app.fetch, hostname: options.host, port: options.port }, () =>
      resolve(started),
    );
    started.once('error', reject);
  });
  const { port } = server.address() as AddressInfo;
  const stopCatchingUp = catchUp(operations);
  // So that the first who asks does not wait for a thousand reports; where it fails, it is read when somebody asks.
  void recall().catch(() => undefined);
  const cutLines = () => {
    if ('closeAllConnections' in server) server.closeAllConnections();
  };
  return {
    url: `http://${options.host}:${port}`,
    operations,
    slack,
    cutLines,
    close: () =>
      new Promise<void>((resolve) => {
        stopCatchingUp();
        server.close(() => resolve());
        cutLines();
      }),
  };
}

const catchUpEveryMs = 60_000;

/** Now and each minute: what was recorded while Temporal was away gets its monitor. */
function catchUp(operations: Operations): () => void {
  const round = () => void operations.startMissingMonitors(catchUpEveryMs / 2).catch(() => undefined);
  round();
  const timer = setInterval(round, catchUpEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}

async function answers(ask: () => Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), 3_000);
  });
  const asked = ask().then(
    () => true,
    () => false,
  );
  const result = await Promise.race([asked, late]);
  clearTimeout(timer);
  return result;
}

/** The API's bearer token, made at first start; the file is for its owner's eyes only. */
export async function readOrMakeToken(file: string): Promise<string> {
  const known = await readFile(file, 'utf8').catch(() => null);
  if (known !== null && known.trim() !== '') return known.trim();
  const token = randomBytes(32).toString('base64url');
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFile(file, `${token}\n`, { mode: 0o600, flag: 'wx' }).catch(
    async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    },
  );
  return (await readFile(file, 'utf8')).trim();
}
