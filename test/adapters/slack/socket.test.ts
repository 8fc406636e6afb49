import { afterEach, describe, expect, it } from 'vitest';
import { openSlackSocket } from '../../../adapters/slack/socket.ts';
import { afterwards, cleanUp, eventually } from '../temporary.ts';
import { appToken, startSlack } from './slack-server.ts';

afterEach(cleanUp);

describe('the connection to Slack', () => {
  async function troubleWith(apiUrl: string): Promise<string> {
    const troubles: string[] = [];
    const onTrouble = (sentence: string) => void troubles.push(sentence);
    const socket = openSlackSocket({ appToken, apiUrl, onEnvelope: () => undefined, onTrouble });
    afterwards(() => socket.close());
    return eventually(async () => troubles[0], 5_000);
  }

  const refused = '169.254.1.1 is a link-local address, where clouds keep their metadata: it is not asked';

  it('asks no link-local address where to connect to', async () => {
    expect(await troubleWith('http://169.254.1.1/api/')).toContain(refused);
  });

  it('is not made to a link-local address, whoever names it', async () => {
    const slack = await startSlack();
    afterwards(() => slack.close());
    slack.troubled((method, response) => {
      if (method !== 'apps.connections.open') return false;
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ ok: true, url: 'ws://169.254.1.1/link' }));
      return true;
    });
    expect(await troubleWith(slack.apiUrl)).toContain(refused);
  });
});
