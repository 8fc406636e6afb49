import { html } from 'hono/html';
import type { AuditEntry } from '../../../adapters/store/audit.ts';
import type { TokenRecord } from '../../../adapters/store/tokens.ts';
import { grantText } from '../../../domain/access.ts';
import type { Markup } from '../layout.ts';
import { time } from '../parts/words.ts';

/** Who holds tokens, and every command that was given. */
export function accessBody(
  tokens: readonly TokenRecord[],
  entries: readonly AuditEntry[],
  nowMs: number,
): Markup {
  return html`<section aria-label="Tokens"><h2>API tokens</h2>${tokens.length === 0 ? html`<p class="empty">None. <code>orchestrator token create NAME --role pipeline --product PRODUCT</code> makes one.</p>` : tokenTable(tokens, nowMs)}</section>
<section aria-label="Audit trail"><h2>Audit trail</h2>${entries.length === 0 ? html`<p class="empty">No command has been given yet.</p>` : auditTable(entries)}</section>`;
}

function tokenTable(tokens: readonly TokenRecord[], nowMs: number): Markup {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Tokens"><table class="list"><thead><tr><th scope="col">Name</th><th scope="col">Role</th><th scope="col">Made by</th><th scope="col">Expires</th><th scope="col">Last used</th><th scope="col">State</th></tr></thead><tbody>${tokens.map(
    (token) =>
      html`<tr><th scope="row">${token.name}</th><td>${grantText(token)}</td><td>${token.createdBy}, ${time(token.createdAtMs, 'day')}</td><td>${token.expiresAtMs === null ? 'never' : time(token.expiresAtMs, 'day')}</td><td>${token.lastUsedAtMs === null ? 'never' : time(token.lastUsedAtMs)}</td><td>${stateOf(token, nowMs)}</td></tr>`,
  )}</tbody></table></div>`;
}

function stateOf({ revokedAtMs, expiresAtMs }: TokenRecord, nowMs: number): Markup {
  if (revokedAtMs !== null) return html`<span class="quiet">revoked</span>`;
  if (expiresAtMs !== null && expiresAtMs <= nowMs) return html`<span class="quiet">expired</span>`;
  return html`serves`;
}

function auditTable(entries: readonly AuditEntry[]): Markup {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Commands"><table class="list"><thead><tr><th scope="col">When</th><th scope="col">Who</th><th scope="col">From</th><th scope="col">Command</th><th scope="col">Product</th><th scope="col">Why</th><th scope="col">Answer</th></tr></thead><tbody>${entries.map(
    ({ atMs, who, kind, from, call, product, why, status, answer }) =>
      html`<tr><td>${time(atMs)}</td><td>${who} <span class="quiet">${kind}</span></td><td>${from}</td><td><code>${call}</code></td><td>${product ?? ''}</td><td class="why">${why ?? ''}</td><td class="why"><span class="${status >= 400 ? 'warn' : 'quiet'}">${status}</span> ${answer}</td></tr>`,
  )}</tbody></table></div>`;
}
