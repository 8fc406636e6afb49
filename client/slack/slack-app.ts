import { z } from 'zod';
import { createSlackApi, type SlackApi } from '../../adapters/slack/api.ts';
import { clean, escaped } from '../../adapters/slack/blocks.ts';
import { actionPrefix } from '../../adapters/slack/buttons.ts';
import { verifySlackRequest } from '../../adapters/slack/verify-request.ts';
import { messageActions } from '../../domain/message.ts';
import type { SlackAppSettings } from '../../worker/slack-app-settings.ts';
import type { Views } from './commands.ts';
import { type Obeying, obey } from './order.ts';
import { slackPrincipal } from './slack-principal.ts';
import { slashCommand } from './slash-command.ts';

export interface SlackAppOptions extends Obeying {
  /** As the configuration has them now: who may do what holds from the next press on. `null`: no app is configured. */
  settings(): Promise<SlackAppSettings | null>;
  readonly views: Views;
}

export interface SlackApp {
  /** Takes what came over either way; the answer goes to Slack by itself. Never throws. */
  receive(body: unknown): Promise<void>;
  /** A request of Slack over HTTP, to be answered with this at once: Slack waits 3 s. */
  handleHttp(request: SlackHttpRequest): Promise<SlackHttpAnswer>;
}

export interface SlackHttpAnswer {
  readonly status: 200 | 400 | 401 | 404;
  readonly body: string;
}

export interface SlackHttpRequest {
  /** The value of a header by its lower-case name. */
  header(name: string): string | undefined;
  /** The bytes as they came: the signature is over them. */
  readonly rawBody: string;
}

/** How many presses are remembered: Slack delivers some twice. */
const remembered = 1_000;
const answerMs = 15_000;

/** What happens when somebody presses a button or types `/orchestrator`. */
export function createSlackApp(options: SlackAppOptions): SlackApp {
  const seen = new Set<string>();

  return { receive, handleHttp };

  async function receive(body: unknown): Promise<void> {
    try {
      await take(body);
    } catch (error) {
      options.onTrouble(`Slack: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  async function handleHttp({ header, rawBody }: SlackHttpRequest): Promise<SlackHttpAnswer> {
    const settings = await options.settings();
    if (settings?.signingSecret == null) return { status: 404, body: 'no slack_app with a signing_secret' };
    const wrong = verifySlackRequest(header, rawBody, settings.signingSecret, Date.now());
    if (wrong !== null) return { status: 401, body: wrong };
    const body = formBody(rawBody);
    if (body === null) return { status: 400, body: 'not a form as Slack sends it' };
    void receive(body);
    return { status: 200, body: '' };
  }

  async function take(body: unknown): Promise<void> {
    const settings = await options.settings();
    if (settings === null) return;
    const press = pressSchema.safeParse(body);
    if (press.success) return pressed(press.data, settings);
    const line = lineSchema.safeParse(body);
    if (line.success) return typed(line.data, settings);
  }

  async function pressed(press: Press, settings: SlackAppSettings): Promise<void> {
    const { user, channel, message } = press;
    const thread = message.thread_ts ?? message.ts;
    for (const { action_id: id, action_ts: at, value } of press.actions) {
      const action = messageActions.find((name) => id === `${actionPrefix}${name}`);
      const about = buttonSchema.safeParse(parsedJson(value));
      const requestId = `slack/${channel.id}/${message.ts}/${id}/${at}`;
      if (action === undefined || !about.success || isKnown(requestId)) continue;
      const { product, environment, title, deployment } = about.data;
      const order = {
        action,
        key: { product, environment },
        reason: action === 'veto' ? 'pressed in Slack' : title,
        to: null,
        deployment,
        requestId,
      };
      const { kind, text } = await obey(order, slackPrincipal(user.id, settings), options);
      const api = createSlackApi(settings);
      if (kind === 'refused')
        await say(api, 'chat.postEphemeral', { channel: channel.id, user: user.id, thread_ts: thread }, text);
      else await say(api, 'chat.postMessage', { channel: channel.id, thread_ts: thread }, text);
    }
  }

  async function typed(line: Line, settings: SlackAppSettings): Promise<void> {
    const requestId = `slack/${line.trigger_id}`;
    if (isKnown(requestId)) return;
    const principal = slackPrincipal(line.user_id, settings);
    const { kind, text } = await slashCommand(line.text, requestId, principal, options);
    const api = createSlackApi(settings);
    const isForAll = kind === 'done' || kind === 'failed';
    await api.respond(
      line.response_url,
      {
        response_type: isForAll ? 'in_channel' : 'ephemeral',
        text: escaped(clean(text), 3_000),
      },
      AbortSignal.timeout(answerMs),
    );
  }

  function isKnown(requestId: string): boolean {
    if (seen.has(requestId)) return true;
    seen.add(requestId);
    if (seen.size > remembered) seen.delete(seen.values().next().value as string);
    return false;
  }
}

async function say(api: SlackApi, method: string, place: object, text: string): Promise<void> {
  await api.call(method, { ...place, text: escaped(clean(text), 3_000) }, AbortSignal.timeout(answerMs));
}

const pressSchema = z.object({
  type: z.literal('block_actions'),
  user: z.object({ id: z.string() }),
  channel: z.object({ id: z.string() }),
  message: z.object({ ts: z.string(), thread_ts: z.string().optional() }),
  actions: z.array(z.object({ action_id: z.string(), action_ts: z.string(), value: z.string().default('') })),
});

type Press = z.infer<typeof pressSchema>;

const lineSchema = z.object({
  command: z.string(),
  text: z.string().default(''),
  user_id: z.string(),
  trigger_id: z.string(),
  response_url: z.url({ protocol: /^https?$/ }),
});

type Line = z.infer<typeof lineSchema>;

const buttonSchema = z.object({
  product: z.string(),
  environment: z.string(),
  title: z.string(),
  deployment: z.string().optional(),
});

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Interactions come as JSON in `payload`, slash commands as the form itself. */
function formBody(rawBody: string): unknown {
  const form = new URLSearchParams(rawBody);
  const payload = form.get('payload');
  if (payload !== null) return parsedJson(payload);
  return form.has('command') ? Object.fromEntries(form) : null;
}
