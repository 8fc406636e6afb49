import { lookup } from 'node:dns/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from 'undici';
import { boundedText } from '../../bounded-text.ts';
import { createGuardedAgent, RefusedAddress } from '../../http/guarded-agent.ts';
import type { AlbReach } from '../aws-alb.ts';
import { pageBegin } from './actions.ts';

const pollMs = 200;
const roundsInARow = 3;
const answerMs = 5_000;

/**
 * AWS takes a change at once and brings it to the nodes of the load balancer within seconds, without saying when. So each node
 * is asked, by its own address and on new connections, until all of them show it several times in a row.
 */
export async function seenEverywhere(
  { url, inForceWithinMs }: AlbReach,
  wanted: 'maintenance' | 'traffic',
  signal: AbortSignal,
): Promise<void> {
  if (url === undefined) return;
  const deadline = performance.now() + inForceWithinMs;
  let rounds = 0;
  while (rounds < roundsInARow) {
    const nodes = await lookup(new URL(url).hostname.replace(/^\[|\]$/g, ''), { all: true });
    const answers = await Promise.all(nodes.map((node) => shownAt(url, node, signal)));
    rounds = answers.every((shown) => shown === wanted) ? rounds + 1 : 0;
    if (rounds < roundsInARow && performance.now() > deadline)
      throw new Error(
        `${url} does not show ${wanted} ${inForceWithinMs} ms after the switch: ${answers.join(', ')}`,
      );
    await sleep(pollMs, undefined, { signal });
  }
}

async function shownAt(
  url: string,
  node: { address: string; family: number },
  signal: AbortSignal,
): Promise<string> {
  const found = [node];
  const dispatcher = createGuardedAgent({
    pipelining: 0,
    connect: { lookup: (_host, _options, tell) => tell(null, found) },
  });
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(answerMs)]);
    const { statusCode, body } = await request(url, { dispatcher, signal: limit });
    const text = boundedText(4_096);
    for await (const chunk of body) text.add(chunk as Buffer);
    return statusCode === 503 && text.text().startsWith(pageBegin) ? 'maintenance' : 'traffic';
  } catch (error) {
    signal.throwIfAborted();
    // It will not be another one later.
    if (error instanceof RefusedAddress) throw error;
    return `${node.address} ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    await dispatcher.destroy();
  }
}
