import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verifySlackRequest } from '../../../adapters/slack/verify-request.ts';
import type { AuditEntry } from '../../../adapters/store/audit.ts';
import { createSlackApp } from '../../../client/slack/slack-app.ts';
import { startSlackApp } from '../../../client/slack/start-slack-app.ts';
import type { SlackAppSettings } from '../../../worker/slack-app-settings.ts';
import { appToken, botToken, type SlackServer, startSlack } from '../../adapters/slack/slack-server.ts';
import { afterwards, cleanUp, eventually } from '../../adapters/temporary.ts';
import { aServedApi } from '../access/served-api.ts';

const channel = 'C0123456789';
const signingSecret = '8f742231b10e8888abcd99yyyzzz85a5';

describe('people in Slack', () => {
  let slack: SlackServer;
  let troubles: string[];
  let given: [string, ...unknown[]][];
  let written: AuditEntry[];
  let answer = { accepted: true, queued: false, reason: 'rollback inc-7 has begun' };
  beforeEach(async () => {
    slack = await startSlack();
    afterwards(() => slack.close());
    [troubles, given, written] = [[], [], []];
    answer = { accepted: true, queued: false, reason: 'rollback inc-7 has begun' };
  });
  afterEach(cleanUp);

  const settings = (): SlackAppSettings => ({
    appToken,
    botToken,
    signingSecret,
    apiUrl: slack.apiUrl,
    defaultRole: 'viewer',
    users: {
      U0000ADA: { name: 'Ada', role: 'owner' },
      U0000BOB: { name: 'Bob', role: 'operator', product: 'other' },
    },
  });

  function anApp() {
    const note = async (...words: [string, ...unknown[]]) => {
      given.push(words);
      return answer;
    };
    const options = {
      settings: async () => settings(),
      commands: {
        rollBack: (...words: unknown[]) => note('rollBack', ...words),
        veto: (...words: unknown[]) => note('veto', ...words),
        pause: async (...words: unknown[]) => void (await note('pause', ...words)),
        resume: async (...words: unknown[]) => void (await note('resume', ...words)),
        command: (...words: unknown[]) => note('command', ...words),
      },
      audit: { append: async (entry: AuditEntry) => void written.push(entry) },
      views: {
        status: async ({ product }: { product: string }) => `${product}: web v1.2.3, watching`,
        statistics: async (days: number) =>
          `## Rollback Statistics (Last ${days} Days)\n**Rollback Causes**:`,
      },
      onTrouble: (sentence: string) => void troubles.push(sentence),
    };
    return { app: createSlackApp(options), options };
  }

  async function listening() {
    const { app, options } = anApp();
    const stop = await startSlackApp(app, options);
    afterwards(stop);
    await eventually(() => slack.connections() === 1);
  }

  const aPress = (action: string, user = 'U0000ADA', at = '1700000001.000001') => ({
    type: 'block_actions',
    user: { id: user, username: 'somebody', team_id: 'T1' },
    api_app_id: 'A111',
    container: { type: 'message', message_ts: '1700000000.000001', channel_id: channel },
    trigger_id: '1.2.3',
    channel: { id: channel, name: 'alerts' },
    message: { ts: '1700000000.000001', type: 'message', bot_id: 'B1' },
    response_url: `${slack.origin}/commands/1`,
    actions: [
      {
        type: 'button',
        action_id: `orchestrator:${action}`,
        block_id: 'orchestrator',
        action_ts: at,
        value: JSON.stringify({ product: 'shop', environment: 'production', title: 'Breach' }),
      },
    ],
  });

  const aLine = (text: string, user = 'U0000ADA', trigger = '9.8.7') => ({
    token: 'gIkuvaNzQIHg97ATvDxqgjtO',
    team_id: 'T1',
    channel_id: channel,
    user_id: user,
    user_name: 'somebody',
    command: '/orchestrator',
    text,
    response_url: `${slack.origin}/commands/2`,
    trigger_id: trigger,
  });

  const shop = { product: 'shop', environment: 'production' };

  it('do what a button says, in their own name, and the answer stands in the thread', async () => {
    await listening();
    slack.send('interactive', 'e1', aPress('acknowledge'));
    await eventually(() => slack.calls('chat.postMessage').length === 1);
    expect(slack.acknowledged).toEqual(['e1']);
    const requestId = `slack/${channel}/1700000000.000001/orchestrator:acknowledge/1700000001.000001`;
    expect(given).toEqual([['command', shop, 'acknowledge', { by: 'Ada', requestId }]]);
    expect(slack.calls('chat.postMessage')).toEqual([
      {
        channel,
        thread_ts: '1700000000.000001',
        text: 'Ada: acknowledge accepted: rollback inc-7 has begun',
      },
    ]);
  });

  it('roll back, retry, resume traffic, pause, veto and resume', async () => {
    const { app } = anApp();
    for (const [i, action] of ['rollback', 'retry', 'resume_traffic', 'pause', 'resume', 'veto'].entries())
      await app.receive(aPress(action, 'U0000ADA', String(i)));
    expect(given.map(([name, , what]) => [name, typeof what === 'string' ? what : null])).toEqual([
      ['rollBack', null],
      ['command', 'retry'],
      ['command', 'traffic'],
      ['pause', null],
      ['resume', 'Ada'],
      ['veto', null],
    ]);
    expect(given[0]?.[2]).toMatchObject({ by: 'Ada', reason: 'Breach', to: null });
    expect(given[5]?.[2]).toMatchObject({ by: 'Ada', reason: 'pressed in Slack' });
  });

  it.each([
    ['is in no list', 'U0000EVE', /Slack user U0000EVE has viewer; this needs one of the roles operator/],
    ['has a role for another product', 'U0000BOB', /Bob has operator of other; this needs .* for shop/],
  ])('are told why not, and they alone, when somebody %s', async (_name, user, words) => {
    await listening();
    slack.send('interactive', 'e1', aPress('rollback', user));
    await eventually(() => slack.calls('chat.postEphemeral').length === 1);
    expect(given).toEqual([]);
    expect(written).toMatchObject([{ from: 'Slack', call: 'Slack rollback', product: 'shop', status: 403 }]);
    const [told] = slack.calls('chat.postEphemeral');
    expect(told).toMatchObject({ channel, user, thread_ts: '1700000000.000001' });
    expect(told?.text).toMatch(words);
  });

  it('read the reason of a refusal in the thread', async () => {
    answer = { accepted: false, queued: false, reason: 'no rollback of shop is running' };
    await anApp().app.receive(aPress('retry'));
    expect(slack.calls('chat.postMessage')[0]?.text).toBe(
      'Ada: retry refused: no rollback of shop is running',
    );
  });

  it('press once, however often Slack delivers it', async () => {
    await listening();
    for (const id of ['e1', 'e2']) slack.send('interactive', id, aPress('rollback'));
    await eventually(() => slack.acknowledged.length === 2);
    await eventually(() => slack.calls('chat.postMessage').length === 1);
    expect(given).toHaveLength(1);
  });

  it('order a rollback by slash command', async () => {
    await listening();
    const line = aLine('rollback shop “the cart is <empty>” --to v1.2.1 --environment staging');
    slack.send('slash_commands', 'e1', line);
    await eventually(() => slack.answers.length === 1);
    expect(given).toEqual([
      [
        'rollBack',
        { product: 'shop', environment: 'staging' },
        { by: 'Ada', reason: 'the cart is <empty>', to: 'v1.2.1', requestId: 'slack/9.8.7' },
      ],
    ]);
    expect(written).toMatchObject([
      { who: 'Ada', kind: 'person', call: 'Slack rollback', why: 'the cart is <empty>', status: 200 },
    ]);
    expect(slack.answers[0]?.args).toEqual({
      response_type: 'in_channel',
      text: 'Ada: rollback accepted: rollback inc-7 has begun',
    });
  });

  it.each([
    ['', /What I understand/],
    ['dance', /What I understand/],
    ['rollback', /Which product\?/],
    ['rollback shop', /Why\?/],
    ['status shop', /shop: web v1.2.3, watching/],
    ['dashboard rollbacks', /^\*Rollback Statistics \(Last 30 Days\)\*\n\*Rollback Causes\*:$/],
  ])('are answered alone to "/orchestrator %s"', async (text, words) => {
    await anApp().app.receive(aLine(text));
    expect(given).toEqual([]);
    expect(slack.answers[0]?.args).toMatchObject({
      response_type: 'ephemeral',
      text: expect.stringMatching(words),
    });
  });

  it('mention nobody by what they type', async () => {
    answer = { accepted: false, queued: false, reason: 'unknown product <!channel>' };
    await anApp().app.receive(aLine('acknowledge <!channel>'));
    expect(slack.answers[0]?.args.text).not.toContain('<');
  });

  it('are heard again after Slack asks for a new connection, and after the network was cut', async () => {
    await listening();
    slack.refresh();
    await eventually(() => slack.calls('apps.connections.open').length === 2 && slack.connections() === 1);
    slack.cut();
    await eventually(() => slack.calls('apps.connections.open').length === 3 && slack.connections() === 1);
    slack.send('interactive', 'e9', aPress('acknowledge'));
    await eventually(() => given.length === 1);
    expect(troubles).toEqual([]);
  });

  it('are heard once Slack answers again', async () => {
    slack.troubled((method, response) => {
      if (method === 'apps.connections.open') response.writeHead(500).end();
      return method === 'apps.connections.open';
    });
    const { app, options } = anApp();
    afterwards(await startSlackApp(app, options));
    await eventually(() => troubles.length > 0);
    expect(troubles.join()).not.toContain(appToken);
    slack.troubled(() => false);
    await eventually(() => slack.connections() === 1);
  });

  describe('over HTTP', () => {
    const signed = (rawBody: string, seconds = Math.floor(Date.now() / 1_000), secret = signingSecret) => {
      const digest = createHmac('sha256', secret).update(`v0:${seconds}:${rawBody}`).digest('hex');
      const headers: Record<string, string> = {
        'x-slack-request-timestamp': String(seconds),
        'x-slack-signature': `v0=${digest}`,
      };
      return { rawBody, header: (name: string) => headers[name] };
    };
    const pressBody = () =>
      new URLSearchParams({ payload: JSON.stringify(aPress('acknowledge')) }).toString();

    it('press buttons and type commands, without a token of the API', async () => {
      const { url } = await aServedApi(undefined, undefined, anApp().app);
      const send = async (path: string, body: string, secret?: string) => {
        const { header } = signed(body, undefined, secret);
        const headers = {
          'content-type': 'application/x-www-form-urlencoded',
          'x-slack-request-timestamp': header('x-slack-request-timestamp') ?? '',
          'x-slack-signature': header('x-slack-signature') ?? '',
        };
        const answer = await fetch(`${url}/hooks/slack/${path}`, { method: 'POST', headers, body });
        return { status: answer.status, body: await answer.text() };
      };
      expect(await send('interactive', pressBody())).toEqual({ status: 200, body: '' });
      const line = new URLSearchParams(aLine('acknowledge shop')).toString();
      expect(await send('commands', line)).toEqual({ status: 200, body: '' });
      await eventually(() => given.length === 2);
      expect((await send('commands', line, 'another')).status).toBe(401);
      expect(given).toHaveLength(2);
    });

    it.each([
      ['a wrong secret', () => signed(pressBody(), undefined, 'another'), 401],
      ['six minutes of age', () => signed(pressBody(), Math.floor(Date.now() / 1_000) - 360), 401],
      ['no signature', () => ({ rawBody: pressBody(), header: () => undefined }), 401],
      ['a body of another kind', () => signed('{"type":"block_actions"}'), 400],
    ])('are refused with %s', async (_name, request, status) => {
      const { app } = anApp();
      expect((await app.handleHttp(request())).status).toBe(status);
      expect(given).toEqual([]);
    });

    it('agree with the example in the documentation of Slack', () => {
      const body =
        'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c';
      const headers: Record<string, string> = {
        'x-slack-request-timestamp': '1531420618',
        'x-slack-signature': 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503',
      };
      const verify = (nowMs: number) =>
        verifySlackRequest((name) => headers[name], body, signingSecret, nowMs);
      expect(verify(1_531_420_618_000)).toBeNull();
      expect(verify(1_531_420_618_000 + 301_000)).toBe('the request is older than 5 minutes');
    });
  });
});
