import { request } from 'undici';
import type { Instance } from '../../domain/live.ts';
import type { Probe } from '../../domain/sample.ts';
import { createGuardedAgent } from '../http/guarded-agent.ts';
import type { HealthProbe } from './health-probe.ts';

const bodyLimitBytes = 64 * 1024;

export interface HttpProbeOptions {
  /** Appended to the instance's URL; default `/healthz`. */
  readonly path?: string;
  /** For the whole probe: connection, headers and body; default 2,000 milliseconds. */
  readonly timeoutMs?: number;
  /** Status codes of a healthy instance; default every one from 200 to 299. */
  readonly expectStatus?: readonly number[];
}

/** Asks each running instance over HTTP. An instance without an address is healthy when it runs. */
export function createHttpProbe(options: HttpProbeOptions = {}): HealthProbe {
  const { path = '/healthz', timeoutMs = 2_000, expectStatus } = options;
  const isExpected = (status: number) => expectStatus?.includes(status) ?? (status >= 200 && status <= 299);
  // A kept connection may be one that the instance is just closing: each probe opens its own.
  const dispatcher = createGuardedAgent({ pipelining: 0 });

  const ask = async (url: string, signal: AbortSignal): Promise<Omit<Probe, 'instance'>> => {
    const startedMs = performance.now();
    const deadline = AbortSignal.timeout(timeoutMs);
    try {
      const limits = { dispatcher, signal: AbortSignal.any([signal, deadline]) };
      const response = await request(url.replace(/\/$/, '') + path, limits);
      const words = await firstWords(response.body);
      const seen = `${response.statusCode} in ${Math.round(performance.now() - startedMs)} ms`;
      const healthy = isExpected(response.statusCode);
      return { healthy, detail: healthy || words === '' ? seen : `${seen}: ${words}` };
    } catch (error) {
      if (signal.aborted) return { healthy: false, detail: 'the probe was cancelled' };
      if (deadline.aborted) return { healthy: false, detail: `no answer in ${timeoutMs} ms` };
      return { healthy: false, detail: wordsFor(error) };
    }
  };

  const probeOne = async ({ id, running, url, trouble }: Instance, signal: AbortSignal): Promise<Probe> => {
    if (!running) return { instance: id, healthy: false, detail: trouble ?? 'not running' };
    if (url === null) return { instance: id, healthy: true, detail: 'running; it has no address to ask' };
    return { instance: id, ...(await ask(url, signal)) };
  };

  return {
    probe: (instances, signal) => Promise.all(instances.map((instance) => probeOne(instance, signal))),
  };
}

/** Reads to the end or to the limit, so that an instance that hangs in its body is not taken for healthy. */
async function firstWords(body: AsyncIterable<Buffer>): Promise<string> {
  let start = '';
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (start.length < 200) start += chunk.toString();
    if (bytes > bodyLimitBytes) break;
  }
  return start.trim().split('\n')[0]?.slice(0, 200) ?? '';
}

function wordsFor(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  if (code === 'ECONNREFUSED') return 'connection refused';
  if (code === 'ECONNRESET' || code === 'UND_ERR_SOCKET') return 'connection closed without an answer';
  if (code === 'ENOTFOUND') return 'host name not found';
  return error instanceof Error ? error.message : String(error);
}
