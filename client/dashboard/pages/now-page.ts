import { html, raw } from 'hono/html';
import { shortNumber } from '../../../domain/detection/verdict.ts';
import { signalNames } from '../../../domain/series.ts';
import type { ProductNow } from '../../api/reading/now.ts';
import type { ServiceSeries, SignalSeries } from '../../api/reading/series.ts';
import type { Markup } from '../layout.ts';
import { sparkline } from '../parts/charts.ts';
import { badge, deploymentPath, longDuration, productTitle, time, toneOf } from '../parts/words.ts';

/** Every product and how it is, worst first. */
export function nowBody(products: readonly ProductNow[], nowMs: number): Markup {
  if (products.length === 0)
    return html`<p class="empty">No product is configured yet: <code>orchestrator init</code> writes a configuration to begin with.</p>`;
  return html`<div id="summary" class="summary" data-region="summary">${summary(products)}</div>
<div class="cards" data-region-parent>${products.map(
    (product) =>
      html`<article class="card ${toneOf(product.phase)}" data-region="${regionOf(product)}" aria-label="${productTitle(product)}">${card(product, nowMs)}</article>`,
  )}</div>`;
}

export function regionOf({ product, environment }: { product: string; environment: string }): string {
  return `card:${product}/${environment}`;
}

/** What stands above the cards: how many want a person, how many are watched. */
export function summary(products: readonly ProductNow[]): Markup {
  const count = (of: (product: ProductNow) => boolean) => products.filter(of).length;
  const figures = [
    [count(({ phase }) => toneOf(phase) === 'bad'), 'want a person', 'bad'],
    [count(({ phase }) => toneOf(phase) === 'warn'), 'to be looked at', 'warn'],
    [count(({ phase }) => phase === 'watching' || phase === 'baseline'), 'watched', 'good'],
    [count(({ pause }) => pause !== null), 'paused', 'quiet'],
    [products.length, products.length === 1 ? 'product' : 'products', 'quiet'],
  ] as const;
  return html`<ul>${figures.map(
    ([number, words, tone]) =>
      html`<li class="${number > 0 ? tone : 'quiet'}"><b>${number}</b> ${words}</li>`,
  )}</ul>`;
}

export function card(product: ProductNow, nowMs: number): Markup {
  const { current, endsAtMs, checkedAtMs } = product;
  const title = productTitle(product);
  return html`<header><h2>${current === null ? title : html`<a href="${deploymentPath(current)}">${title}</a>`}</h2>${badge(product.phase)}</header>
<p class="release"><b>${product.releases}</b>${current === null ? '' : html` deployed ${longDuration(nowMs - current.deployedAtMs)} ago`}</p>
${flags(product)}
<p class="sentence">${product.sentence}</p>
${product.services.map((service) => signalTable(service, product.services.length > 1))}
<footer>${endsAtMs === null || current === null ? '' : progress(current.deployedAtMs, endsAtMs, nowMs)}${wayBack(product)}${checkedAtMs === null ? '' : html`<span>last check ${time(checkedAtMs, 'clock')}</span>`}</footer>`;
}

function flags({ pause, vetoWindow, veto, observedOnly, rollback }: ProductNow): Markup {
  return html`${vetoWindow === null ? '' : html`<p class="flag bad">Rolls back at ${time(vetoWindow.untilMs, 'clock')} unless vetoed: ${vetoWindow.reason}</p>`}${veto === null ? '' : html`<p class="flag">Its rollback was vetoed by ${veto.by}: ${veto.reason}</p>`}${pause === null ? '' : html`<p class="flag">Automatic rollback paused by ${pause.by} ${pause.untilMs === null ? 'until resumed' : html`until ${time(pause.untilMs)}`}: ${pause.reason}</p>`}${observedOnly ? html`<p class="flag">Observed only: the policy lets nothing be rolled back automatically.</p>` : ''}${
    rollback === null
      ? ''
      : html`<p class="flag bad">↩ Rollback under way since ${time(rollback.sinceMs, 'clock')}${rollback.incident === null ? '' : html`: <a href="/incidents/${rollback.incident}">${rollback.incident}</a>`}</p>`
  }`;
}

/** What people look at first; the rest is on the deployment's own page. */
const shown = new Set(['error_rate', 'latency_p95', 'memory', 'request_rate']);
/** As long as there are none, nobody has to read that. */
const shownWhenThere = new Set(['db_connection_errors', 'health']);

function isShown({ signal, points }: SignalSeries): boolean {
  return shown.has(signal) || (shownWhenThere.has(signal) && points.some(({ value }) => (value ?? 0) > 0));
}

function signalTable({ service, signals }: ServiceSeries, named: boolean): Markup {
  const rows = signals.filter(isShown);
  if (rows.length === 0) return html``;
  return html`<table class="signals"><caption${named ? '' : raw(' class="unseen"')}>${service}</caption>
<thead class="unseen"><tr><th scope="col">Signal</th><th scope="col">Last hour</th><th scope="col">Now</th><th scope="col">Baseline</th></tr></thead>
<tbody>${rows.map(signalRow)}</tbody></table>`;
}

function signalRow({ signal, unit, points, baseline, threshold }: SignalSeries): Markup {
  const value = points.findLast((point) => point.value !== null)?.value ?? null;
  const over = value !== null && threshold !== null && value > threshold;
  const label = `${signalNames[signal]}, the newest ${points.length} checks`;
  return html`<tr class="${over ? 'over' : ''}"><th scope="row">${signalNames[signal]}</th><td>${raw(sparkline(points, { baseline: null, threshold }, label))}</td><td class="number">${value === null ? '–' : html`<b>${shortNumber(value)}</b> ${unit}`}${over ? html` <span class="unseen">over the threshold</span>` : ''}</td><td class="number quiet">${baseline === null ? '' : html`of ${shortNumber(baseline)}`}${baseline === null || threshold === null ? '' : ', '}${threshold === null ? '' : html`at most ${shortNumber(threshold)}`}</td></tr>`;
}

function progress(fromMs: number, toMs: number, nowMs: number): Markup {
  const left = Math.max(0, toMs - nowMs);
  return html`<span class="left"><progress max="${toMs - fromMs}" value="${Math.min(toMs - fromMs, nowMs - fromMs)}" aria-label="Watch"></progress> ${longDuration(left)} left</span>`;
}

function wayBack({ wayBack: found, sentence }: ProductNow): Markup {
  if (found === null) return html``;
  if (found.missing === null) return html`<span>way back: ${found.target}, ready (${found.score} %)</span>`;
  return html`<span class="warn">way back not ready (${found.score} %)${sentence.includes(found.missing) ? '' : `: ${found.missing}`}</span>`;
}
