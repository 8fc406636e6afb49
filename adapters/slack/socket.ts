import type { Socket } from 'node:net';
import type { SocketModeClient } from '@slack/socket-mode';
import { createGuardedAgent } from '../http/guarded-agent.ts';

export interface SlackSocketOptions {
  /** `xapp-…`, a secret. */
  readonly appToken: string;
  /** Another server than Slack's, with a final slash. */
  readonly apiUrl?: string | undefined;
  /** `interactive` or `slash_commands`, and what it is about. Called after Slack was told that it arrived. */
  onEnvelope(type: string, body: unknown): void;
  /** What is wrong with the connection, one sentence. */
  onTrouble(sentence: string): void;
  /** Before it is tried again for the first time; each time twice as long, at most a minute. */
  readonly pauseMs?: number;
}

export interface SlackSocket {
  close(): Promise<void>;
}

const longestPauseMs = 60_000;
const greetingMs = 20_000;
/** A connection that lived so long was a good one: the next pause is short again. */
const goodAfterMs = 10_000;

/** Listens to Slack by Socket Mode: the connection goes out, so that no public address is needed. Connects again for ever. */
export function openSlackSocket(options: SlackSocketOptions): SlackSocket {
  const closing = new AbortController();
  let current: SocketModeClient | null = null;
  const ended = run();
  return {
    async close() {
      closing.abort();
      await current?.disconnect().catch(() => undefined);
      await ended;
    },
  };

  async function run(): Promise<void> {
    let pauseMs = options.pauseMs ?? 1_000;
    while (!closing.signal.aborted) {
      const startedMs = performance.now();
      const wasRefresh = await connectOnce().catch((error: unknown) => {
        if (!closing.signal.aborted) options.onTrouble(`Slack: ${wordsOf(error, options.appToken)}`);
        return false;
      });
      // Slack asks for a new connection now and then: nothing is wrong.
      if (wasRefresh || performance.now() - startedMs > goodAfterMs) pauseMs = options.pauseMs ?? 1_000;
      if (wasRefresh) continue;
      await pause(pauseMs, closing.signal);
      pauseMs = Math.min(longestPauseMs, pauseMs * 2);
    }
  }

  /** Until it is over; whether Slack asked for it. The library's own reconnection would end the process where it fails for good. */
  async function connectOnce(): Promise<boolean> {
    const { SocketModeClient, LogLevel } = await import('@slack/socket-mode');
    const { appToken, apiUrl } = options;
    const sockets = new Set<Socket>();
    // The library does not say why.
    let failed: Error | null = null;
    const dispatcher = createGuardedAgent({
      // A WebSocket is HTTP/1.1.
      connect: { allowH2: false },
      onConnect: (error, socket) => {
        failed = error ?? failed;
        if (socket === null) return;
        sockets.add(socket);
        socket.once('close', () => sockets.delete(socket));
      },
    });
    const client = new SocketModeClient({
      appToken,
      dispatcher,
      autoReconnectEnabled: false,
      logger: silent(LogLevel.ERROR),
      clientOptions: {
        timeout: 10_000,
        retryConfig: { retries: 0 },
        rejectRateLimitedCalls: true,
        ...(apiUrl === undefined ? {} : { slackApiUrl: apiUrl }),
      },
    });
    current = client;
    let asked = false;
    client.on('ws_message', (data: unknown) => {
      asked ||= typeof data === 'string' && /"type"\s*:\s*"disconnect"/.test(data);
    });
    client.on('slack_event', ({ ack, type, body }: Envelope) => {
      // Within 3 s, or Slack tells the person that nobody answered: first of all.
      ack().then(
        () => options.onEnvelope(type, body),
        // Not acknowledged: Slack sends it again, over the next connection.
        () => undefined,
      );
    });
    const over = new Promise<void>((resolve) => void client.once('disconnected', () => resolve()));
    try {
      await greeted(client);
      await over;
      return asked;
    } catch (error) {
      throw failed ?? error;
    } finally {
      // A connection that became a WebSocket is no longer the agent's, and a peer that is gone would leave it open.
      for (const socket of sockets) socket.destroy();
      await dispatcher.destroy();
    }
  }

  /** Slack says hello over a connection that works; without it this one is given up, and so is one that comes too late. */
  async function greeted(client: SocketModeClient): Promise<void> {
    const started = client.start();
    const givenUp = new AbortController();
    const late = pause(greetingMs, AbortSignal.any([closing.signal, givenUp.signal])).then(
      () => 'late' as const,
    );
    try {
      if ((await Promise.race([started, late])) !== 'late') return;
      started.then(() => client.disconnect()).catch(() => undefined);
      throw new Error(`no greeting within ${greetingMs} ms`);
    } finally {
      givenUp.abort();
    }
  }
}

interface Envelope {
  readonly ack: () => Promise<void>;
  readonly type: string;
  readonly body: unknown;
}

function wordsOf(error: unknown, token: string): string {
  const text = error instanceof Error ? error.message : String(error ?? 'the connection was closed');
  return text.replaceAll(token, '…').slice(0, 300);
}

/** Its own log quotes what people send. */
function silent<Level>(level: Level) {
  const nothing = () => undefined;
  return {
    debug: nothing,
    info: nothing,
    warn: nothing,
    error: nothing,
    setLevel: nothing,
    setName: nothing,
    getLevel: () => level,
  };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}
