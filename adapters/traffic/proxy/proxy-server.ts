import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerOptions } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createControlListener, type Switched } from './control-plane.ts';
import { ensureToken } from './control-token.ts';
import { createRequestListener, createRouter } from './data-plane.ts';
import { createBackendAgent } from './forward.ts';
import { createInFlight, type InFlight } from './in-flight.ts';
import { createProxyMetrics } from './proxy-metrics.ts';
import { loadState, type ProxyState, receiving, saveState } from './proxy-state.ts';
import { createUpgradeListener } from './upgrade.ts';

const defaultDrainTimeoutMs = 5_000;
const clientIdleMs = 75_000;
// Other upgrades (h2c) are offers that may be ignored: those requests go the ordinary way.
const onlyWebSockets = (request: IncomingMessage) => request.headers.upgrade?.toLowerCase() === 'websocket';
const dataOptions: ServerOptions = {
  // An upload may take as long as it takes.
  requestTimeout: 0,
  keepAliveTimeout: clientIdleMs,
  shouldUpgradeCallback: onlyWebSockets,
};
const loopback = new Set(['127.0.0.1', '::1', 'localhost']);

export interface ProxyOptions {
  /** For users; 0 takes a free one. */
  readonly port: number;
  /** Where users come in; default `127.0.0.1`. */
  readonly host?: string;
  readonly controlPort: number;
  /** Must be a loopback address; default `127.0.0.1`. */
  readonly controlHost?: string;
  readonly stateFile: string;
  /** Holds the control plane's bearer token; made when missing. */
  readonly tokenFile: string;
  /** How long a switch and the end wait for requests under way; default 5,000 milliseconds. */
  readonly drainTimeoutMs?: number;
  /** Told why a request was answered 502. */
  readonly onFailure?: (reason: string) => void;
}

export interface Proxy {
  readonly port: number;
  readonly controlPort: number;
  /** The state it started with. */
  readonly restored: ProxyState;
  /** Accepts nothing more, lets requests under way end within the drain timeout, and returns how many it cut. */
  close(): Promise<number>;
}

/** Starts a reverse proxy in front of one service, in the state that it was last told. */
export async function startProxy(options: ProxyOptions): Promise<Proxy> {
  const { controlHost = '127.0.0.1', drainTimeoutMs = defaultDrainTimeoutMs } = options;
  if (!loopback.has(controlHost))
    throw new Error(`the control plane listens on loopback only, not ${controlHost}`);
  const token = await ensureToken(options.tokenFile);
  const restored = await loadState(options.stateFile);
  const inFlight = createInFlight();
  const { state, change } = createSwitch(restored, options.stateFile, inFlight, drainTimeoutMs);
  const metrics = createProxyMetrics(inFlight, state);
  const agent = createBackendAgent();
  const plane = { state, inFlight, metrics, agent, onFailure: options.onFailure ?? (() => undefined) };
  const route = createRouter(state);

  const data = createServer(dataOptions, createRequestListener(plane, route));
  data.on('upgrade', createUpgradeListener(plane, route));
  const control = createServer(createControlListener({ token, metrics, state, change }));
  const port = await listen(data, options.port, options.host ?? '127.0.0.1');
  const controlPort = await listen(control, options.controlPort, controlHost);

  const close = async () => {
    const cut = await closeGently(data, inFlight, drainTimeoutMs);
    control.close();
    control.closeAllConnections();
    agent.destroy();
    return cut;
  };
  return { port, controlPort, restored, close };
}

/** Changes come one after the other: first to the disk, then in force, then drained. */
function createSwitch(restored: ProxyState, file: string, inFlight: InFlight, drainTimeoutMs: number) {
  let current = restored;
  let lastSave: Promise<unknown> = Promise.resolve();
  const change = async (next: ProxyState): Promise<Switched> => {
    const saved = lastSave.then(async () => {
      await saveState(file, next);
      current = next;
    });
    lastSave = saved.catch(() => undefined);
    await saved;
    return { state: next, leftInFlight: await inFlight.drain(receiving(next), drainTimeoutMs) };
  };
  return { state: () => current, change };
}

async function listen(server: Server, port: number, host: string): Promise<number> {
  server.listen(port, host);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function closeGently(server: Server, inFlight: InFlight, drainTimeoutMs: number): Promise<number> {
  server.prependListener('request', (_request, response) => response.setHeader('connection', 'close'));
  server.close();
  const closed = once(server, 'close');
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  const left = await inFlight.drain([], drainTimeoutMs);
  await Promise.race([closed, sleep(100)]);
  clearInterval(idle);
  server.closeAllConnections();
  return left;
}
