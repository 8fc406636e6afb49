import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTellActivities, type Told } from '../../activities/tell.ts';
import { openStore, type Store } from '../../adapters/store/store.ts';
import type { Message } from '../../domain/message.ts';
import { newWatch } from '../../domain/watch.ts';
import { createCatalog } from '../../worker/catalog.ts';
import { aMessage } from '../adapters/notify/notifier.contract.ts';
import { type Answer, startReceiver } from '../adapters/notify/receiver.ts';
import { afterwards, cleanUp, eventually, temporaryFolder } from '../adapters/temporary.ts';
import { aProduct } from '../config/builders.ts';
import { aSample } from '../domain/builders.ts';

const accept: Answer = (_one, response) => void response.writeHead(204).end();
const refuse: Answer = (_one, response) => void response.writeHead(500).end('not today');

describe('telling people', () => {
  let store: Store;
  let pager: Awaited<ReturnType<typeof startReceiver>>;
  let chat: Awaited<ReturnType<typeof startReceiver>>;
  beforeEach(async () => {
    store = await openStore(join(await temporaryFolder(), 'store.db'));
    afterwards(() => store.close());
    [pager, chat] = [await aReceiver(), await aReceiver()];
  });
  afterEach(cleanUp);

  it('sends over every channel, and leads to the story of the workflow that sends', async () => {
    expect(await tell(aMessage())).toEqual({ sent: ['webhook:pager', 'webhook:chat'] });
    for (const channel of [pager, chat]) {
      const [message] = messages(channel);
      expect(message).toMatchObject({ title: aMessage().title, text: aMessage().text });
      expect(message?.links).toEqual([
        ...aMessage().links,
        {
          label: 'Timeline',
          url: 'http://temporal.example/namespaces/default/workflows/rollback%2Fshop%2Fproduction/run-1',
        },
      ]);
    }
  });

  it('lets a failing channel block no other', async () => {
    // The pager holds its refusal back until the chat has the message.
    pager.answer((one, response) => {
      void eventually(() => chat.received.length === 1).then(() => refuse(one, response));
    });
    await expect(tell(aMessage())).rejects.toMatchObject({
      message: '1 of 2 channels failed: the webhook answered 500: not today',
      type: 'ChannelFailed',
      nonRetryable: false,
    });
    expect(messages(chat)).toMatchObject([{ title: aMessage().title }]);
  });

  it('sends, when it is tried again, only over the channel that failed', async () => {
    pager.answer(refuse);
    await expect(tell(aMessage())).rejects.toThrow('1 of 2 channels failed');
    pager.answer(accept);
    expect(await tell(aMessage())).toEqual({ sent: ['webhook:pager', 'webhook:chat'] });
    expect([pager.received.length, chat.received.length]).toEqual([2, 1]);
  });

  it('sends the same event once over each channel, and another event as well', async () => {
    for (const key of ['first', 'first', 'second', 'first']) await tell(aMessage({ key }));
    for (const channel of [pager, chat])
      expect(messages(channel).map(({ key }) => key)).toEqual(['first', 'second']);
  });

  it('shows how the breach looks, from the samples of its deployment', async () => {
    const key = { product: 'shop', environment: 'production', deployment: 'build-42' };
    const minute = 60_000;
    for (let tick = 1; tick <= 10; tick += 1) {
      const sample = aSample({ tick: tick * minute, atMs: tick * minute, errors: tick > 7 ? 9 : 1 });
      const state = { ...newWatch([]), lastTickMs: tick * minute, lastAtMs: tick * minute };
      await store.watches.record(key, state, [{ service: 'api', kind: 'sample', sample }]);
    }
    const breach = {
      type: 'error_rate',
      service: 'api',
      baseline: 1,
      threshold: 3,
      sinceMs: 8 * minute,
    } as const;
    await tell(aMessage({ atMs: 10 * minute, about: { deployment: 'build-42', services: [], breach } }));
    const [message] = messages(pager);
    expect(message?.series).toMatchObject({
      signal: 'errors per minute',
      threshold: 3,
      breachSinceMs: 480_000,
    });
    expect(message?.series?.points.map(({ value }) => value)).toEqual([1, 1, 1, 1, 1, 1, 1, 9, 9, 9]);
  });

  it.each(['fails', 'is silent'] as const)('tells people all the same when the store %s', async (how) => {
    if (how === 'fails') await store.close();
    else {
      const never = () => new Promise<never>(() => undefined);
      store = {
        ...store,
        notices: { wasSent: never, markSent: never },
        watches: { ...store.watches, samples: never },
      };
    }
    const breach = { type: 'memory', service: 'api', baseline: null, threshold: 90, sinceMs: 0 } as const;
    const about = { deployment: 'build-42', services: [], breach };
    expect(await tell(aMessage({ about }))).toEqual({ sent: ['webhook:pager', 'webhook:chat'] });
    expect([pager.received.length, chat.received.length]).toEqual([1, 1]);
  });

  /** One attempt of the activity, in the rollback workflow of the shop. */
  async function tell(message: Message): Promise<Told> {
    const hooks = `{ name: pager, url: "${pager.origin}" }, { name: chat, url: "${chat.origin}" }`;
    const source = `rollback_policy: { notifications: { webhooks: [${hooks}] } }\n${aProduct()}`;
    const catalog = createCatalog({
      read: async () => ({ version: 1, source, file: '/nowhere/c.yml' }),
      env: {},
      incidentsFolder: '/nowhere/incidents',
      queues: { control: 'control', watch: 'watch' },
      stdout: new PassThrough(),
    });
    const activities = createTellActivities({
      store,
      catalog,
      clock: { now: async () => 1_000 },
      temporalUi: 'http://temporal.example/namespaces/default',
      temporalServer: { address: 'temporal.example:7233', namespace: 'default' },
    });
    const workflowExecution = { workflowId: 'rollback/shop/production', runId: 'run-1' };
    const logger = new DefaultLogger('ERROR');
    const environment = new MockActivityEnvironment({ workflowExecution }, { logger });
    return environment.run(activities.tell, message, 'everyone');
  }
});

async function aReceiver() {
  const receiver = await startReceiver(accept);
  afterwards(() => receiver.close());
  return receiver;
}

function messages({ received }: { readonly received: readonly { readonly body: string }[] }): Message[] {
  return received.map(({ body }) => JSON.parse(body) as Message);
}
