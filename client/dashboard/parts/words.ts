import { html } from 'hono/html';
import type { Outcome } from '../../../domain/deployment.ts';
import { shortDuration } from '../../../domain/detection/verdict.ts';
import type { ProductPhase } from '../../../domain/product-phase.ts';

type Markup = ReturnType<typeof html>;

/** How a state is called and how much it wants a person: colour never says it alone. */
interface Look {
  readonly words: string;
  readonly tone: 'good' | 'busy' | 'warn' | 'bad' | 'quiet';
  readonly sign: string;
}

const looks: Readonly<Record<ProductPhase | Outcome, Look>> = {
  escalated: { words: 'needs a person', tone: 'bad', sign: '‼' },
  rolling_back: { words: 'rolling back', tone: 'bad', sign: '↩' },
  veto_window: { words: 'rolls back unless vetoed', tone: 'bad', sign: '!?' },
  breach: { words: 'breach', tone: 'bad', sign: '✕' },
  blind: { words: 'blind', tone: 'warn', sign: '◌' },
  suspect: { words: 'suspect', tone: 'warn', sign: '?' },
  waiting: { words: 'waiting', tone: 'warn', sign: '…' },
  baseline: { words: 'taking the baseline', tone: 'busy', sign: '◔' },
  watching: { words: 'watching', tone: 'good', sign: '●' },
  needs_attention: { words: 'needs attention', tone: 'bad', sign: '!' },
  rolled_back: { words: 'rolled back', tone: 'warn', sign: '↩' },
  unobserved: { words: 'unobserved', tone: 'warn', sign: '◌' },
  changed_outside: { words: 'changed outside', tone: 'warn', sign: '≠' },
  cancelled: { words: 'cancelled', tone: 'quiet', sign: '–' },
  superseded: { words: 'superseded', tone: 'quiet', sign: '→' },
  healthy: { words: 'healthy', tone: 'good', sign: '✓' },
  idle: { words: 'nothing deployed', tone: 'quiet', sign: '–' },
};

export function badge(state: ProductPhase | Outcome): Markup {
  const { words, tone, sign } = looks[state];
  return html`<span class="badge ${tone}"><span aria-hidden="true">${sign}</span> ${words}</span>`;
}

export function toneOf(state: ProductPhase | Outcome): Look['tone'] {
  return looks[state].tone;
}

export function wordsOf(state: ProductPhase | Outcome): string {
  return looks[state].words;
}

/** `24 Nov 02:51:10`, in UTC, with the whole time for machines and, by script, in the reader's own zone. */
export function time(atMs: number, format: 'day' | 'clock' | 'both' = 'both'): Markup {
  const iso = new Date(atMs).toISOString();
  const day = `${Number(iso.slice(8, 10))} ${months[Number(iso.slice(5, 7)) - 1]}`;
  const clock = iso.slice(11, 19);
  const text = { day: `${day} ${iso.slice(0, 4)}`, clock, both: `${day} ${clock}` }[format];
  return html`<time datetime="${iso}">${text}</time>`;
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `23 h 12 min`, `4 min`, `40 s` */
export function longDuration(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 2) return shortDuration(Math.max(0, Math.round(ms / 1_000) * 1_000));
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 72 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

/** `production` is what everybody means. */
export function productTitle({ product, environment }: { product: string; environment: string }): string {
  return environment === 'production' ? product : `${product} (${environment})`;
}

export function deploymentPath(key: { product: string; environment: string; deployment: string }): string {
  return `/deployments/${key.product}/${key.deployment}${environmentQuery(key)}`;
}

export function environmentQuery({ environment }: { environment: string }): string {
  return environment === 'production' ? '' : `?environment=${environment}`;
}
