import { html } from 'hono/html';
import type { Markup } from '../layout.ts';

export interface SignInView {
  /** Host of the identity provider; `null`: none is configured. */
  readonly provider: string | null;
  /** Path to go on to. */
  readonly to: string;
  readonly problem: string | null;
}

export function signInBody({ provider, to, problem }: SignInView): Markup {
  return html`${problem === null ? '' : html`<p class="notice bad" role="alert">${problem}</p>`}
${provider === null ? '' : html`<p><a class="button" href="/sign-in/provider?to=${encodeURIComponent(to)}">Sign in with ${provider}</a></p>`}
<form method="post" action="/sign-in" class="stack"><input type="hidden" name="to" value="${to}">
<label>API token <input name="token" type="password" autocomplete="off" required></label>
<button>Sign in with a token</button></form>
<p class="quiet">On the machine where it runs, <code>orchestrator open</code> prints a link that signs you in.</p>`;
}
