import { createHash } from 'node:crypto';
import { createTransport } from 'nodemailer';
import { breachChart } from '../../domain/breach-chart.ts';
import type { Message } from '../../domain/message.ts';
import { sparkline } from '../../domain/sparkline.ts';
import { orAborted } from '../or-aborted.ts';
import { renderPng } from '../picture/render-png.ts';
import { DeliveryError } from './delivery-error.ts';
import { emailText } from './email-text.ts';
import { oneLine, productLine, readableLength, withoutControls } from './message-text.ts';
import type { Notifier } from './notifier.ts';

export interface EmailOptions {
  /** `smtp://user:password@host:587` or `smtps://…`, which is a secret. */
  readonly smtpUrl: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly timeoutMs?: number;
}

/** Sends each message by SMTP as text and HTML. */
export function createEmailNotifier(options: EmailOptions): Notifier {
  const timeoutMs = options.timeoutMs ?? 10_000;
  const server = smtpServer(options.smtpUrl);
  // Its own limits only end what the deadline has given up.
  const idleMs = timeoutMs + 1_000;
  const limits = {
    dnsTimeout: idleMs,
    connectionTimeout: idleMs,
    greetingTimeout: idleMs,
    socketTimeout: idleMs,
  };
  const transport = createTransport({ ...server, ...limits });
  return {
    name: 'email',
    async send(message, signal) {
      const deadline = AbortSignal.timeout(timeoutMs);
      try {
        signal.throwIfAborted();
        // nodemailer knows no total deadline: a server that drips would hold it for ever.
        const picture = await pictureOf(message);
        const sending = transport.sendMail(emailOf(readableLength(message), picture, options));
        const info = await orAborted(sending, AbortSignal.any([deadline, signal]));
        if (info.rejected.length > 0) throw partlyRejected(info);
      } catch (error) {
        if (error instanceof DeliveryError) throw error;
        if (signal.aborted) throw new DeliveryError('e-mail: sending was cancelled');
        if (deadline.aborted)
          throw new DeliveryError(`the mail server did not answer within ${timeoutMs} ms`);
        throw refusal(error, server.auth?.pass);
      }
    },
  };
}

interface SmtpServer {
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  readonly requireTLS?: boolean;
  readonly auth?: { readonly user: string; readonly pass: string };
}

/** Read here because Node's error on a bad URL would quote the password. */
function smtpServer(smtpUrl: string): SmtpServer {
  const url = URL.canParse(smtpUrl) ? new URL(smtpUrl) : null;
  if (url === null || !/^smtps?:$/.test(url.protocol) || url.hostname === '') {
    throw new Error('the SMTP URL is not valid: it must look like smtp://user:password@host:587');
  }
  const secure = url.protocol === 'smtps:';
  const server = {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || (secure ? 465 : 587)),
    secure,
  };
  if (url.username === '') return server;
  return {
    ...server,
    // A password goes over an encrypted line only, whatever somebody on the way says of STARTTLS.
    requireTLS: !secure && !isLoopback(server.host),
    auth: { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) },
  };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}

/** What a mail program shows in the place of `cid:breach`. */
async function pictureOf({ title, series }: Message): Promise<Buffer | null> {
  return series == null ? null : renderPng(breachChart(oneLine(title), series));
}

function emailOf(message: Message, picture: Buffer | null, { from, to }: EmailOptions) {
  const id = createHash('sha256').update(message.key).digest('hex').slice(0, 40);
  const domain = /@([a-z0-9.-]+)/i.exec(from)?.[1] ?? 'localhost';
  return {
    from: oneLine(from),
    to: to.map(oneLine),
    subject: oneLine(`${message.title} (${message.product}, ${message.environment})`).slice(0, 250),
    text: emailText(message),
    html: messageHtml(message, picture !== null),
    attachments:
      picture === null
        ? []
        : [{ filename: 'breach.png', content: picture, cid: 'breach', contentType: 'image/png' }],
    messageId: `<${id}@${domain}>`,
    date: new Date(message.atMs),
    priority: message.severity === 'critical' ? ('high' as const) : ('normal' as const),
    headers: { 'Auto-Submitted': 'auto-generated' },
  };
}

/** A message as plain HTML, every untrusted part escaped. */
function messageHtml(message: Message, hasPicture: boolean): string {
  const facts = message.facts.map(
    ({ name, value }) => `<tr><th align="left">${html(name)}</th><td>${html(value)}</td></tr>`,
  );
  const commands = message.commands.map(
    ({ label, command }) => `<p>${html(label)}</p><pre>${html(command)}</pre>`,
  );
  const links = message.links
    .filter(({ url }) => /^https?:/.test(url))
    .map(({ label, url }) => `<p><a href="${html(url)}">${html(label)}</a></p>`);
  return [
    `<h2>${html(message.title)}</h2><p>${html(productLine(message))}</p>`,
    `<p>${html(message.text).replaceAll('\n', '<br>')}</p>`,
    message.doing === undefined ? '' : `<p><b>${html(message.doing)}</b></p>`,
    pictureHtml(message, hasPicture),
    facts.length === 0 ? '' : `<table>${facts.join('')}</table>`,
    ...commands,
    ...links,
  ].join('\n');
}

function pictureHtml({ series }: Message, hasPicture: boolean): string {
  if (series == null) return '';
  const words = html(sparkline(series));
  return hasPicture ? `<p><img src="cid:breach" width="720" alt="${words}"></p>` : `<p>${words}</p>`;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function html(text: string): string {
  return withoutControls(text).replace(/[&<>"']/g, (character) => entities[character] ?? character);
}

interface Delivered {
  readonly accepted: readonly unknown[];
  readonly rejected: readonly unknown[];
  readonly rejectedErrors?: readonly { readonly response?: string }[];
}

/** Permanent for the caller: sending again would repeat the message to those who have it. */
function partlyRejected(info: Delivered): DeliveryError {
  const answers = (info.rejectedErrors ?? []).map((error) => error.response ?? '').join('; ');
  const who = `${info.rejected.map(String).join(', ')} (${info.accepted.length} others have it)`;
  return new DeliveryError(`the mail server refused ${who}: ${answers}`, { permanent: true });
}

function refusal(error: unknown, password: string | undefined): DeliveryError {
  const found = error as { response?: string; message?: string; responseCode?: number };
  const text = (found.response ?? found.message ?? 'unknown error').slice(0, 500);
  const safe = password ? text.replaceAll(password, '…') : text;
  const permanent = (found.responseCode ?? 0) >= 500;
  const what = found.response === undefined ? 'could not be used' : 'answered';
  return new DeliveryError(`the mail server ${what}: ${safe}`, { permanent });
}
