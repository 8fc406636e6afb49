import { html } from 'hono/html';
import type { TimelineEntry } from '../../../domain/timeline.ts';
import type { Markup } from '../layout.ts';
import { time } from './words.ts';

/** A story, line by line, with the reason sentences as they were written. */
export function timelineList(entries: readonly Pick<TimelineEntry, 'atMs' | 'kind' | 'text'>[]): Markup {
  if (entries.length === 0) return html`<p class="empty">Nothing has happened yet.</p>`;
  return html`<ol class="timeline">${entries.map(
    ({ atMs, kind, text }) =>
      html`<li class="${kind}">${time(atMs)}<span class="kind">${kind.replaceAll('_', ' ')}</span><span class="text">${text}</span></li>`,
  )}</ol>`;
}
