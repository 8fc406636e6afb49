import { setTimeout as sleep } from 'node:timers/promises';
import { Agent } from 'undici';

export interface TwinLoad {
  readonly origins: readonly string[];
  /** Begins the URLs, which are the same at every origin. */
  readonly path: string;
  readonly requestsPerSecond: number;
  /** Milliseconds since the epoch. */
  readonly untilMs: number;
}

export interface Answer {
  /** When it came, milliseconds since the epoch. */
  readonly atMs: number;
  /** `maintenance`, `error`, or the name of the release that answered well. */
  readonly said: string;
}

/** Sends each request to every origin at the same time; returns each origin's answers in the order in which they came. */
export async function sendTwinLoad(load: TwinLoad): Promise<Answer[][]> {
  const agent = new Agent({ connections: 50, headersTimeout: 5_000, bodyTimeout: 5_000 });
  const twins = load.origins.map((origin) => ({ origin, answers: [] as Answer[] }));
  const pending: Promise<void>[] = [];
  const startedMs = Date.now();
  for (let n = 0; Date.now() < load.untilMs; n += 1) {
    await sleep(Math.max(0, startedMs + (n * 1_000) / load.requestsPerSecond - Date.now()));
    for (const { origin, answers } of twins) {
      pending.push(
        ask(agent, origin, `${load.path}/${n}`).then((said) => void answers.push({ atMs: Date.now(), said })),
      );
    }
  }
  await Promise.all(pending);
  await agent.close();
  return twins.map(({ answers }) => answers);
}

async function ask(agent: Agent, origin: string, path: string): Promise<string> {
  try {
    const { statusCode, headers, body } = await agent.request({ origin, path, method: 'GET' });
    const text = await body.text();
    if (statusCode === 200) return text;
    return statusCode === 503 && headers['retry-after'] !== undefined ? 'maintenance' : 'error';
  } catch {
    return 'error';
  }
}
