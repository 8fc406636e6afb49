import { openSlackSocket } from '../../adapters/slack/socket.ts';
import type { SlackApp, SlackAppOptions } from './slack-app.ts';

/** Listens over Socket Mode where the configuration has an app token; the tokens are those of the start. Returns a stop function. */
export async function startSlackApp(
  app: SlackApp,
  { settings, onTrouble }: Pick<SlackAppOptions, 'settings' | 'onTrouble'>,
): Promise<() => Promise<void>> {
  const found = await settings().catch(() => null);
  if (found?.appToken == null) return async () => undefined;
  const socket = openSlackSocket({
    appToken: found.appToken,
    apiUrl: found.apiUrl,
    onEnvelope: (_type, body) => void app.receive(body),
    onTrouble,
  });
  return () => socket.close();
}
