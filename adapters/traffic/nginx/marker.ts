import { request } from 'undici';
import { boundedText } from '../../bounded-text.ts';
import { createGuardedAgent } from '../../http/guarded-agent.ts';
import type { NginxReach } from '../nginx.ts';
import { type NginxState, parseState } from './include-file.ts';

const limitBytes = 1024 * 1024;

/** What nginx does now, as it shows it itself. */
export async function readMarker({ stateUrl, signal, timeoutMs }: NginxReach): Promise<NginxState> {
  const limit = AbortSignal.timeout(timeoutMs);
  // Never a kept connection: it could lead to a worker of before the reload.
  const dispatcher = createGuardedAgent({ pipelining: 0 });
  try {
    const options = { dispatcher, signal: AbortSignal.any([signal, limit]) };
    const { statusCode, body } = await request(stateUrl, options);
    const kept = boundedText(limitBytes);
    for await (const chunk of body) kept.add(chunk as Buffer);
    const text = kept.text();
    const found = statusCode === 200 ? parseState(text) : null;
    if (found !== null) return found;
    throw new Error(
      `answered ${statusCode}: ${JSON.stringify(text.slice(0, 200))}; it needs "return 200" with the state, see docs/traffic.md`,
    );
  } catch (error) {
    signal.throwIfAborted();
    if (limit.aborted) throw new Error(`nginx at ${stateUrl} did not answer within ${timeoutMs} ms`);
    throw new Error(`nginx at ${stateUrl}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  } finally {
    await dispatcher.destroy();
  }
}
