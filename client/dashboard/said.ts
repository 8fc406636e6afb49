import type { Context } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';

/** What a command answered, for the page that follows it. */
export interface Said {
  readonly ok: boolean;
  readonly words: string;
}

const name = 'orchestrator_said';

/** In a cookie and not in the address: any link could put words into our mouth there. */
export function leaveSaid(context: Context, said: Said): void {
  setCookie(context, name, JSON.stringify({ ...said, words: said.words.slice(0, 1_000) }), {
    httpOnly: true,
    sameSite: 'Strict',
    path: '/',
    maxAge: 60,
  });
}

/** Told once. */
export function takeSaid(context: Context): Said | undefined {
  const left = getCookie(context, name);
  if (left === undefined) return undefined;
  deleteCookie(context, name, { path: '/' });
  try {
    const { ok, words } = JSON.parse(left) as Said;
    return { ok: ok === true, words: String(words) };
  } catch {
    return undefined;
  }
}
