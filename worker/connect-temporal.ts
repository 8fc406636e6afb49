import { setTimeout as sleep } from 'node:timers/promises';
import { NativeConnection } from '@temporalio/worker';
import type { EmbeddedServer } from './embedded-server.ts';
import { keepHistory, registerSearchAttributes } from './prepare-namespace.ts';
import { openSharedServer } from './shared-server.ts';
import { findTemporal } from './temporal-server.ts';

export interface Temporal {
  readonly connection: NativeConnection;
  readonly address: string;
  readonly namespace: string;
  /** Where workflows are shown; `null` for a configured server, whose UI we do not know. */
  readonly uiUrl: string | null;
  readonly searchAttributes: boolean;
  /** How the server was found. */
  readonly found: string;
  /** Process id of the embedded server, `null` for a configured one. */
  readonly serverPid: number | null;
  close(): Promise<void>;
}

export interface ConnectOptions {
  readonly dataFolder: string;
  readonly port: number;
  readonly uiPort: number;
  readonly say: (line: string) => void;
  readonly env?: NodeJS.ProcessEnv;
}

/** Connects to the configured server, or runs the embedded one with its state in the data folder. */
export async function connectTemporal(options: ConnectOptions): Promise<Temporal> {
  const found = await findTemporal(options);
  if (found.kind === 'configured') {
    options.say(`Temporal: ${found.found}, namespace ${found.namespace}`);
    const connection = await patientConnect(found.connection, found.found, options.say);
    const { address = '' } = found.connection;
    return withNamespace(connection, {
      address,
      namespace: found.namespace,
      uiUrl: process.env.TEMPORAL_UI_URL ?? null,
      found: found.found,
      server: null,
    });
  }
  const server = await openSharedServer({ ...options, program: found });
  const connection = await patientConnect({ address: server.address }, server.address, options.say);
  await keepHistory(connection, 'default').catch(() => undefined);
  return withNamespace(connection, {
    address: server.address,
    namespace: 'default',
    uiUrl: server.uiUrl,
    found: found.found,
    server,
  });
}

async function withNamespace(
  connection: NativeConnection,
  place: {
    address: string;
    namespace: string;
    uiUrl: string | null;
    found: string;
    server: EmbeddedServer | null;
  },
): Promise<Temporal> {
  const { server, ...rest } = place;
  return {
    ...rest,
    connection,
    serverPid: server?.pid ?? null,
    searchAttributes: await registerSearchAttributes(connection, place.namespace),
    async close() {
      await connection.close();
      await server?.stop();
    },
  };
}

/** A server that is starting refuses connections at once: creation, unlike running, does not wait by itself. */
async function patientConnect(
  connectionOptions: Parameters<typeof NativeConnection.connect>[0],
  name: string,
  say: (line: string) => void,
): Promise<NativeConnection> {
  const attempts = 20;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await NativeConnection.connect(connectionOptions);
    } catch (error) {
      if (attempt >= attempts) throw new Error(`Temporal does not answer at ${name}`, { cause: error });
      if (attempt === 1) say(`Temporal does not answer at ${name} yet, trying again …`);
      await sleep(Math.min(250 * attempt, 3_000));
    }
  }
}
