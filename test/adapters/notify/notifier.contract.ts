import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Notifier } from '../../../adapters/notify/notifier.ts';
import type { Message } from '../../../domain/message.ts';

export type ChannelTrouble = 'refusing' | 'slow' | 'unreachable';

/** One notifier and the real channel behind it, as a contract test handles them. */
export interface NotifierHarness {
  readonly notifier: Notifier;
  /** What arrived, each message as its reader sees it. */
  received(): Promise<string[]>;
  /** Makes the channel fail; when it refuses it says `not today`. */
  trouble(kind: ChannelTrouble): Promise<void>;
  /** What no error may contain. */
  readonly secrets: readonly string[];
  /** The notifier's own time limit, milliseconds. */
  readonly timeoutMs: number;
  close(): Promise<void>;
}

export function aMessage(over: Partial<Message> = {}): Message {
  return {
    key: 'rollback/shop/production/42/alert',
    severity: 'critical',
    product: 'shop',
    environment: 'production',
    title: 'CRITICAL: Auto-rollback initiated',
    text: 'errors 5.2/min over 5 min, 10.4 × baseline (0.5/min)',
    facts: [
      { name: 'Release', value: 'v1.2.3' },
      { name: 'Going back to', value: 'v1.2.2' },
    ],
    commands: [{ label: 'Go back by hand', command: 'orchestrator rollback shop --to v1.2.2' }],
    links: [{ label: 'Timeline', url: 'https://rollback.example/incidents/42' }],
    atMs: Date.UTC(2026, 2, 1, 2, 51, 10),
    ...over,
  };
}

export interface ContractOptions {
  /** Troubles this channel can be in. */
  readonly troubles: readonly ChannelTrouble[];
}

/** What every channel does alike. */
export function describeNotifier(
  name: string,
  { troubles }: ContractOptions,
  makeHarness: () => Promise<NotifierHarness>,
): void {
  describe(`${name} as a notifier`, () => {
    let harness: NotifierHarness;
    beforeEach(async () => {
      harness = await makeHarness();
    });
    afterEach(() => harness.close());

    const send = (message = aMessage(), signal = new AbortController().signal) =>
      harness.notifier.send(message, signal);

    async function failure(signal?: AbortSignal): Promise<Error> {
      const error = await send(aMessage(), signal).then(
        () => new Error('accepted'),
        (reason: Error) => reason,
      );
      expect(error.message).not.toBe('accepted');
      for (const secret of harness.secrets) {
        expect(
          `${error.message} ${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`,
        ).not.toContain(secret);
      }
      return error;
    }

    it('delivers title, reason, facts, commands and links', async () => {
      await send();
      const [text, ...others] = await harness.received();
      expect(others).toEqual([]);
      for (const part of [
        'CRITICAL: Auto-rollback initiated',
        'errors 5.2/min over 5 min, 10.4 × baseline (0.5/min)',
        'Going back to',
        'v1.2.2',
        'orchestrator rollback shop --to v1.2.2',
        'https://rollback.example/incidents/42',
        'shop',
        'production',
      ]) {
        expect(text).toContain(part);
      }
    });

    it('delivers a message that has a title only', async () => {
      await send(aMessage({ text: '', facts: [], commands: [], links: [] }));
      expect(await harness.received()).toHaveLength(1);
    });

    it('delivers a message with far too much in it', async () => {
      const many = Array.from({ length: 120 }, (_, i) => i);
      await send(
        aMessage({
          title: 'T&<'.repeat(400),
          text: '<&>'.repeat(20_000),
          facts: many.map((i) => ({ name: `n${i}<`.repeat(100), value: '&'.repeat(5_000) })),
          commands: many.map((i) => ({ label: `l${i}`, command: '>'.repeat(9_000) })),
          links: many.map((i) => ({ label: 'x'.repeat(500), url: `https://example.org/${i}` })),
        }),
      );
      expect(await harness.received()).toHaveLength(1);
    });

    it('delivers untrusted text without control characters', async () => {
      await send(aMessage({ text: 'before \u001b[31mred\u0007\u0000 after' }));
      const [text = ''] = await harness.received();
      expect(text).toContain('before [31mred after');
    });

    it.runIf(troubles.includes('refusing'))('throws with the answer of a channel that refuses', async () => {
      await harness.trouble('refusing');
      expect((await failure()).message).toContain('not today');
    });

    it.runIf(troubles.includes('unreachable'))('throws when the channel cannot be reached', async () => {
      await harness.trouble('unreachable');
      await failure();
    });

    it.runIf(troubles.includes('slow'))('throws within its time limit when the channel is slow', async () => {
      await harness.trouble('slow');
      const startedMs = performance.now();
      expect((await failure()).message).toContain(`${harness.timeoutMs} ms`);
      expect(performance.now() - startedMs).toBeLessThan(harness.timeoutMs + 1_000);
    });

    it('throws at once when sending was cancelled', async () => {
      await failure(AbortSignal.abort());
    });
  });
}
