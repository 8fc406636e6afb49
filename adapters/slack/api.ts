import { askJson, type JsonAnswer } from '../http/ask-json.ts';
import { DeliveryError } from '../notify/delivery-error.ts';

export interface SlackApiOptions {
  /** `xoxb-…`, a secret. */
  readonly botToken: string;
  /** Another server than Slack's, with a final slash. */
  readonly apiUrl?: string | undefined;
  readonly timeoutMs?: number | undefined;
}

export type SlackAnswer = Readonly<Record<string, unknown>> & { readonly ok: true };

export interface SlackApi {
  /** One method of the Web API; `ok: false` throws, with Slack's own word for what is wrong. */
  call(method: string, args: object, signal: AbortSignal): Promise<SlackAnswer>;
  /** Answers to an address that came with a slash command. */
  respond(url: string, answer: object, signal: AbortSignal): Promise<void>;
  /** Sends a file's bytes to where `files.getUploadURLExternal` said. */
  upload(url: string, bytes: Buffer, signal: AbortSignal): Promise<void>;
}

/** Slack calls these passing; what else it refuses it will refuse again. */
const passing = [
  'ratelimited',
  'rate_limited',
  'internal_error',
  'fatal_error',
  'service_unavailable',
  'request_timeout',
];

/** Slack's Web API with a bot's token, which is in no error. */
export function createSlackApi(options: SlackApiOptions): SlackApi {
  const { botToken, apiUrl = 'https://slack.com/api/', timeoutMs = 10_000 } = options;
  const limits = { timeoutMs, maxBytes: 1_000_000, method: 'POST' as const };
  return {
    async call(method, args, signal) {
      const headers = { authorization: `Bearer ${botToken}`, ...contentOf(method) };
      const body = method === 'files.getUploadURLExternal' ? formOf(args) : JSON.stringify(args);
      const answer = await askJson({ ...limits, url: `${apiUrl}${method}`, headers, body, signal });
      return accepted(method, answer);
    },
    async respond(url, given, signal) {
      const headers = { 'content-type': 'application/json; charset=utf-8' };
      const answer = await askJson({ ...limits, url, headers, body: JSON.stringify(given), signal });
      if (answer.kind !== 'answered') throw failed('the answer to a command', answer);
    },
    async upload(url, bytes, signal) {
      const headers = { 'content-type': 'application/octet-stream' };
      const answer = await askJson({ ...limits, url, headers, body: bytes, signal });
      if (answer.kind !== 'answered') throw failed('the upload', answer);
    },
  };
}

/** This one method has always taken forms only. */
function contentOf(method: string): Record<string, string> {
  const isForm = method === 'files.getUploadURLExternal';
  return {
    'content-type': isForm ? 'application/x-www-form-urlencoded' : 'application/json; charset=utf-8',
  };
}

function formOf(args: object): string {
  return new URLSearchParams(
    Object.entries(args).map(([name, value]): [string, string] => [name, String(value)]),
  ).toString();
}

function accepted(method: string, answer: JsonAnswer): SlackAnswer {
  if (answer.kind !== 'answered') throw failed(method, answer);
  const value = answer.value as { ok?: unknown; error?: unknown } | null | undefined;
  if (value?.ok === true) return value as SlackAnswer;
  const error =
    typeof value?.error === 'string' ? value.error.slice(0, 200) : 'an answer that is not its own';
  throw new DeliveryError(`Slack refused ${method}: ${error}${hintOf(error)}`, {
    permanent: !passing.includes(error),
  });
}

function hintOf(error: string): string {
  const hints: Readonly<Record<string, string>> = {
    channel_not_found: ' (is slack_app.channel an ID like C0123456789, and the app in that channel?)',
    not_in_channel: ' (invite the app: /invite @orchestrator)',
    invalid_auth: ' (slack_app.bot_token is not valid)',
    missing_scope: ' (install the app again with the scopes of examples/slack/manifest.yml)',
  };
  return hints[error] ?? '';
}

function failed(what: string, answer: Exclude<JsonAnswer, { kind: 'answered' }>): DeliveryError {
  if (answer.kind === 'cancelled') return new DeliveryError(`Slack, ${what}: sending was cancelled`);
  if (answer.kind === 'refused') {
    const said = JSON.stringify((answer.value as { error?: unknown } | undefined)?.error ?? '').slice(0, 200);
    const words = said === '""' ? '' : `: ${said}`;
    const permanent = answer.status < 500 && answer.status !== 408;
    return new DeliveryError(`Slack answered ${what} with ${answer.found}${words}`, { permanent });
  }
  const retryAfterMs = answer.retryAfterMs ?? null;
  return new DeliveryError(`Slack, ${what}: ${answer.found}`, { retryAfterMs });
}
