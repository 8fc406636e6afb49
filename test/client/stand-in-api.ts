import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Status } from '../../client/cli/live/picture.ts';
import type { ServiceSeries } from '../../client/rollback-client.ts';

export interface StandIn {
  readonly env: NodeJS.ProcessEnv;
  readonly url: string;
  /** What it answers from now on. */
  readonly setup: StandInSetup;
  close(): void;
}

export interface StandInSetup {
  statuses: readonly Status[];
  /** `null`: as an API that does not serve them. */
  series: readonly ServiceSeries[] | null;
}

/** The read side of the API over values of the test, where what matters is the command line in front of it. */
export async function standInApi(setup: StandInSetup): Promise<StandIn> {
  const server = createServer((request, response) => {
    const answer = answerTo(new URL(request.url ?? '/', 'http://x').pathname.split('/').slice(2), setup);
    response.writeHead(answer === null ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer ?? { error: 'not found' }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    setup,
    env: { ORCHESTRATOR_API: url, ORCHESTRATOR_TOKEN: 'x' },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function answerTo([what, product, deployment, more]: string[], { statuses, series }: StandInSetup): unknown {
  const status = statuses.find((entry) => entry.product === product);
  if (what === 'products' && product === undefined)
    return { products: statuses.map(({ product: name, environment }) => ({ product: name, environment })) };
  if (what === 'products') return status ?? null;
  if (what === 'overview') return { products: statuses };
  if (what === 'incidents') return { incidents: [] };
  if (what !== 'deployments' || status?.current?.deployment !== deployment) return null;
  if (more === 'series') return series === null ? null : { services: series };
  return { deployment: status?.current, timeline: status?.timeline };
}
