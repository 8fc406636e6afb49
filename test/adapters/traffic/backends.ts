import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Instance } from '../../../domain/live.ts';
import { afterwards, startNode } from '../temporary.ts';

/** A running instance of a release that answers with the name of the release, or as the listener says. */
export async function aBackend(
  release: string,
  listener?: RequestListener,
): Promise<Instance & { readonly url: string }> {
  const server = createServer(listener ?? ((_request, response) => response.end(release)));
  const port = await listenOn(server);
  return { id: `${release}/${port}`, release, running: true, url: `http://127.0.0.1:${port}` };
}

/** An instance that takes a moment for each answer, and that ends with every connection to it. */
export async function aStoppableBackend(release: string) {
  const server = createServer((incoming, response) => {
    incoming.resume().once('end', () => setTimeout(() => response.end(release), 10));
  });
  const port = await listenOn(server);
  const instance: Instance = { id: `${release}/0`, release, running: true, url: `http://127.0.0.1:${port}` };
  const stop = () => {
    server.closeAllConnections();
    server.close();
  };
  return { instance, stop };
}

/** Listens on a free port until the test has ended. */
export async function listenOn(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterwards(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

export interface ProxyFiles {
  readonly stateFile: string;
  readonly tokenFile: string;
}

export const proxyFiles = (folder: string): ProxyFiles => ({
  stateFile: join(folder, 'state.json'),
  tokenFile: join(folder, 'token'),
});

/** The proxy as a process of its own, on free ports or on those that it had before. */
export async function aProxyProcess(
  { stateFile, tokenFile }: ProxyFiles,
  ports: { port: number; controlPort: number } = { port: 0, controlPort: 0 },
) {
  const main = join(import.meta.dirname, '../../../adapters/traffic/proxy/proxy-main.ts');
  const places = ['--port', `${ports.port}`, '--control-port', `${ports.controlPort}`];
  const child = startNode([main, ...places, '--state-file', stateFile, '--token-file', tokenFile]);
  if (child.stdout === null) throw new Error('no output to read the ports from');
  const lines = createInterface(child.stdout);
  const [line] = (await once(lines, 'line')) as [string];
  lines.on('line', () => undefined);
  const { port, controlPort } = JSON.parse(line) as { port: number; controlPort: number };
  const url = `http://127.0.0.1:${port}`;
  return {
    child,
    port,
    controlPort,
    url,
    controlUrl: `http://127.0.0.1:${controlPort}`,
    stateFile,
    tokenFile,
  };
}
