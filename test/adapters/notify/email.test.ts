import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { afterEach, describe, expect, it } from 'vitest';
import { createEmailNotifier } from '../../../adapters/notify/email.ts';
import { aMessage, describeNotifier } from './notifier.contract.ts';

const timeoutMs = 400;
const { signal } = new AbortController();

/** A real SMTP server that refuses whom and what it is told. */
async function startMail() {
  const received: string[] = [];
  let refusing = false;
  const server = new SMTPServer({
    authMethods: ['PLAIN'],
    allowInsecureAuth: true,
    disabledCommands: ['STARTTLS'],
    onAuth: ({ username, password }, _session, done) =>
      password === 'hunter2' ? done(null, { user: username }) : done(new Error(`not today, ${password}`)),
    onRcptTo: ({ address }, _session, done) =>
      address.startsWith('gone')
        ? done(Object.assign(new Error('no such user'), { responseCode: 550 }))
        : done(),
    onData(stream, _session, done) {
      const pieces: Buffer[] = [];
      stream.on('data', (piece: Buffer) => pieces.push(piece));
      stream.on('end', () => {
        if (refusing) return done(Object.assign(new Error('not today'), { responseCode: 451 }));
        received.push(Buffer.concat(pieces).toString('utf8'));
        done();
      });
    },
  });
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.server.address() as AddressInfo;
  return {
    received,
    port,
    refuse: () => {
      refusing = true;
    },
    notifier(to = ['owner@example.org'], password = 'hunter2', onPort = port) {
      const smtpUrl = `smtp://robot:${password}@127.0.0.1:${onPort}`;
      return createEmailNotifier({ smtpUrl, from: 'Rollback <rollback@example.org>', to, timeoutMs });
    },
    close: () => new Promise<void>((resolve) => server.close(resolve)),
  };
}

/** The text part and the headers, decoded as a mail program does. */
function readable(mail: string): string {
  const unfolded = mail.replace(/\r\n[ \t]+/g, ' ');
  const boundary = /boundary="([^"]+)"/.exec(unfolded)?.[1] ?? '';
  const part = mail.split(`--${boundary}`).find((piece) => /text\/plain/.test(piece)) ?? '';
  const [head = '', ...body] = part.split('\r\n\r\n');
  const text = body.join('\r\n\r\n');
  if (/base64/.test(head)) return Buffer.from(text, 'base64').toString('utf8');
  if (!/quoted-printable/.test(head)) return text;
  const bytes = text.replace(/=\r\n/g, '').replace(/=([0-9A-F]{2})/g, (_, hex: string) => {
    return String.fromCharCode(Number.parseInt(hex, 16));
  });
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

describeNotifier('e-mail', { troubles: ['refusing', 'slow', 'unreachable'] }, async () => {
  const mail = await startMail();
  let port = mail.port;
  let silent: Server | undefined;
  return {
    notifier: { name: 'email', send: (...given) => mail.notifier(undefined, undefined, port).send(...given) },
    timeoutMs,
    secrets: ['hunter2'],
    received: async () => mail.received.map(readable),
    async trouble(kind) {
      if (kind === 'refusing') mail.refuse();
      if (kind === 'unreachable') port = 1;
      if (kind !== 'slow') return;
      silent = createServer((socket) => void setInterval(() => socket.write('220-wait\r\n'), 50).unref());
      await new Promise<void>((resolve) => silent?.listen(0, '127.0.0.1', resolve));
      port = (silent.address() as AddressInfo).port;
    },
    async close() {
      silent?.close();
      await mail.close();
    },
  };
});

describe('the e-mail notifier', () => {
  let mail: Awaited<ReturnType<typeof startMail>> | undefined;
  afterEach(() => mail?.close());

  it('lets no text begin a header of its own', async () => {
    mail = await startMail();
    const title = 'Down\r\nBcc: everyone@example.org\nX-Evil: 1';
    await mail.notifier().send(aMessage({ title }), signal);
    const [head = ''] = (mail.received[0] ?? '').split('\r\n\r\n');
    expect(head).not.toMatch(/^(Bcc|X-Evil):/im);
    expect(head).toMatch(/^Subject: Down Bcc: everyone@example.org X-Evil: 1/m);
  });

  it('gives repeats of one event the same Message-ID', async () => {
    mail = await startMail();
    for (const key of ['a', 'a', 'b']) await mail.notifier().send(aMessage({ key }), signal);
    const ids = mail.received.map((text) => /^Message-ID: (<\w+@example\.org>)/im.exec(text)?.[1]);
    expect(ids[0]).toMatch(/^<\w{40}@/);
    expect(ids[1]).toBe(ids[0]);
    expect(ids[2]).not.toBe(ids[0]);
  });

  it('can be read at three in the morning', async () => {
    mail = await startMail();
    const long =
      'orchestrator rollback shop --to v1.2.2 --environment production-europe-west "errors in the cart"';
    await mail.notifier().send(
      aMessage({
        text: 'errors 5.2/min over 5 min, 10.4 × baseline (0.5/min), judged against the last known good release',
        doing: 'Rolling back web v1.2.3 to web v1.2.2.',
        series: aSeries,
        commands: [{ label: 'Go back by hand', command: long }],
      }),
      signal,
    );
    expect(
      readable(mail.received[0] ?? '')
        .replaceAll('\r\n', '\n')
        .trim(),
    ).toBe(`WHAT HAPPENED
  CRITICAL: Auto-rollback initiated
  shop, production, 2026-03-01 02:51:10 UTC

WHY
  errors 5.2/min over 5 min, 10.4 × baseline (0.5/min), judged against the
  last known good release

  Release        v1.2.3
  Going back to  v1.2.2

  errors per minute ▁▁▁█
  now 5/min, allowed 1.5/min, usual 0.5/min

WHAT IS BEING DONE
  Rolling back web v1.2.3 to web v1.2.2.

WHAT YOU CAN DO
  Go back by hand:
    ${long}

MORE
  Timeline: https://rollback.example/incidents/42`);
  });

  it('shows the breach within the HTML part', async () => {
    mail = await startMail();
    await mail.notifier().send(aMessage({ series: aSeries }), signal);
    const raw = mail.received[0] ?? '';
    expect(raw.replace(/=\r\n/g, '')).toMatch(/src=3D"cid:breach"/);
    expect(raw).toMatch(/Content-Type: image\/png; name=breach.png/);
    expect(raw).toMatch(/Content-ID: <breach>/i);
  });

  it('escapes untrusted text in HTML', async () => {
    mail = await startMail();
    const hostile = '<script>alert("1")</script>';
    const links = [{ label: 'x', url: 'javascript:alert(1)' }];
    await mail
      .notifier()
      .send(aMessage({ text: hostile, facts: [{ name: hostile, value: hostile }], links }), signal);
    const markup = (mail.received[0] ?? '').split('text/html')[1]?.replace(/=\r\n/g, '') ?? '';
    expect(markup).toContain('&lt;script&gt;');
    expect(markup).not.toMatch(/<script|href/);
  });

  it('says who did not get the message, and that others have it', async () => {
    mail = await startMail();
    const sent = mail.notifier(['owner@example.org', 'gone@example.org']).send(aMessage(), signal);
    await expect(sent).rejects.toMatchObject({
      message: expect.stringMatching(/refused gone@example.org \(1 others have it\): 550 no such user/),
      permanent: true,
    });
    expect(mail.received).toHaveLength(1);
  });

  it('keeps a refused password to itself, even where the server quotes it', async () => {
    mail = await startMail();
    const error: Error = await mail
      .notifier(undefined, 'wrongpass')
      .send(aMessage(), signal)
      .catch((thrown) => thrown);
    expect(error.message).toContain('not today');
    expect(error.message).not.toContain('wrongpass');
  });

  it('refuses a bad SMTP URL without quoting it', () => {
    for (const smtpUrl of ['smtp://user:hunter2@', 'user:hunter2@host', 'http://u:hunter2@host']) {
      const create = () => createEmailNotifier({ smtpUrl, from: 'a@b.c', to: ['d@e.f'] });
      expect(create).toThrow(/^(?!.*hunter2).*SMTP URL is not valid/);
    }
  });
});

const aSeries = {
  signal: 'errors per minute',
  unit: '/min',
  service: 'web',
  points: [0.5, 0.5, 0.5, 5].map((value, i) => ({ atMs: i * 60_000, value })),
  baseline: 0.5,
  threshold: 1.5,
  breachSinceMs: 180_000,
};
