import { PassThrough, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createConsoleNotifier } from '../../../adapters/notify/console.ts';
import { messageText } from '../../../adapters/notify/message-text.ts';
import { aMessage, describeNotifier } from './notifier.contract.ts';

describeNotifier('the console', { troubles: ['refusing', 'slow', 'unreachable'] }, async () => {
  let stream: Writable = new PassThrough({ highWaterMark: 10_000_000 });
  const written = stream as PassThrough;
  return {
    notifier: {
      name: 'console',
      send: (...given) => createConsoleNotifier({ stream, timeoutMs: 300 }).send(...given),
    },
    timeoutMs: 300,
    secrets: [],
    received: async () => [String(written.read() ?? '')].filter((text) => text !== ''),
    async trouble(kind) {
      if (kind === 'unreachable') stream.destroy();
      if (kind === 'refusing')
        stream = new Writable({ write: (_piece, _encoding, done) => done(new Error('not today')) });
      if (kind === 'slow') stream = new Writable({ write: () => undefined });
    },
    close: async () => undefined,
  };
});

describe('a message as text', () => {
  it('reads from the title down to the links', () => {
    expect(messageText(aMessage())).toBe(`CRITICAL: Auto-rollback initiated
shop, production, 2026-03-01 02:51:10 UTC

errors 5.2/min over 5 min, 10.4 × baseline (0.5/min)

  Release        v1.2.3
  Going back to  v1.2.2

By hand:
  # Go back by hand
  orchestrator rollback shop --to v1.2.2

Timeline: https://rollback.example/incidents/42`);
  });
});
