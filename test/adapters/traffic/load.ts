import { Agent, request } from 'undici';
import { afterwards } from '../temporary.ts';

export interface LoadResult {
  /** Requests that a user saw fail: every answer but 200 and the maintenance page, and every broken connection. */
  readonly lost: readonly string[];
  /** 503 with `Retry-After`. */
  readonly maintenance: number;
  readonly answered: number;
}

/** Concurrent clients which each send one request after the other, over a connection that they keep unless told otherwise. */
export function startLoad(url: string, clients: number, { keepAlive = true } = {}) {
  const dispatcher = new Agent({ connections: clients, pipelining: keepAlive ? 1 : 0 });
  const lost: string[] = [];
  let maintenance = 0;
  let answered = 0;
  let running = true;
  const client = async (index: number) => {
    while (running) {
      const message = index % 2 === 0 ? ({ method: 'POST', body: 'x'.repeat(10_000) } as const) : {};
      try {
        const response = await request(url, { ...message, dispatcher });
        await response.body.dump();
        if (response.statusCode === 503 && response.headers['retry-after'] !== undefined) maintenance += 1;
        else if (response.statusCode !== 200) lost.push(`status ${response.statusCode}`);
      } catch (error) {
        lost.push(String(error));
      }
      answered += 1;
    }
  };
  const done = Promise.all(Array.from({ length: clients }, (_, index) => client(index)));
  const stop = async (): Promise<LoadResult> => {
    running = false;
    await done;
    await dispatcher.destroy();
    return { lost, maintenance, answered };
  };
  afterwards(stop);
  return { stop };
}
