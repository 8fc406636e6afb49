import type { IncomingMessage } from 'node:http';

/** An answer of the proxy itself, in the form that the client accepts. */
export interface OwnAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const titles: Readonly<Record<number, string>> = { 502: 'Bad gateway', 503: 'Back soon' };

/** `retryAfterSeconds` is left out where nobody knows when it is worth trying again. */
export function ownAnswer(
  request: IncomingMessage,
  status: number,
  reason: string,
  retryAfterSeconds?: number,
): OwnAnswer {
  const { type, text } = pageFor(request.headers.accept ?? '', titles[status] ?? 'Error', reason);
  const headers: Record<string, string> = {
    'content-type': `${type}; charset=utf-8`,
    'content-length': String(Buffer.byteLength(text)),
    'cache-control': 'no-store',
  };
  if (retryAfterSeconds !== undefined) headers['retry-after'] = String(retryAfterSeconds);
  return { status, headers, body: request.method === 'HEAD' ? '' : text };
}

function pageFor(accept: string, title: string, reason: string): { type: string; text: string } {
  if (accept.includes('text/html')) return { type: 'text/html', text: htmlPage(title, reason) };
  if (accept.includes('json'))
    return { type: 'application/json', text: JSON.stringify({ error: title, reason }) };
  return { type: 'text/plain', text: `${title}: ${reason}\n` };
}

function htmlPage(title: string, reason: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${title}</title></head>
<body style="font-family:system-ui,sans-serif;max-width:36rem;margin:20vh auto;padding:0 1rem">
<h1>${title}</h1><p>${escapeHtml(reason)}</p></body></html>
`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
