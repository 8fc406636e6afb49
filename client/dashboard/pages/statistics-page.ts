import { html } from 'hono/html';
import { shortDuration } from '../../../domain/detection/verdict.ts';
import { causeNames } from '../../../domain/rollback-statistics.ts';
import type { PeriodStatistics } from '../../api/reading/statistics.ts';
import type { Markup } from '../layout.ts';
import { longDuration } from '../parts/words.ts';

export interface StatisticsView {
  readonly statistics: PeriodStatistics;
  readonly product: string | undefined;
  readonly products: readonly string[];
}

/** The specification's panel, DORA's four keys, and what they rest on. */
export function statisticsBody({ statistics, product, products }: StatisticsView): Markup {
  return html`${periodForm(statistics, product, products)}
<section aria-label="Rollbacks"><h2>Rollback statistics, ${statistics.days === 1 ? 'one day' : `${statistics.days} days`}</h2>
<dl class="figures">${rollbackFigures(statistics)}</dl></section>
<section aria-label="Causes"><h2>Rollback causes</h2>${causes(statistics)}</section>
<section aria-label="Time saved"><h2>Time saved and downtime prevented</h2><dl class="figures">${savings(statistics)}</dl></section>
<section aria-label="DORA"><h2>DORA’s four keys</h2><dl class="figures">${dora(statistics)}</dl></section>
<section aria-label="Insights"><h2>Insights</h2>${statistics.insights.length === 0 ? html`<p class="empty">None: nothing was rolled back.</p>` : html`<ul>${statistics.insights.map((line) => html`<li>${line}</li>`)}</ul>`}
<p class="quiet">Assumptions: ${statistics.assumptions.join('; ')}.</p></section>`;
}

function periodForm(
  { fromMs, toMs }: PeriodStatistics,
  product: string | undefined,
  products: readonly string[],
): Markup {
  const day = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  return html`<form class="filter" method="get" action="/statistics"><label>From <input type="date" name="from" value="${day(fromMs)}"></label> <label>to <input type="date" name="to" value="${day(toMs)}"></label> <label>Product <select name="product"><option value="">all</option>${products.map(
    (name) => html`<option value="${name}"${name === product ? html` selected` : ''}>${name}</option>`,
  )}</select></label> <button>Show</button></form>`;
}

function rollbackFigures({
  deployments,
  automaticRollbacks,
  manualRollbacks,
  successRatePercent,
}: PeriodStatistics): Markup {
  const share = (count: number) =>
    deployments === 0 ? '' : `${Math.round((1_000 * count) / deployments) / 10} % of deployments`;
  return html`${figure('Deployments', String(deployments), '')}
${figure('Auto-rollbacks', String(automaticRollbacks), share(automaticRollbacks))}
${figure('Manual rollbacks', String(manualRollbacks), share(manualRollbacks))}
${figure('Success rate', successRatePercent === null ? '–' : `${successRatePercent} %`, 'of deployments were not rolled back')}`;
}

function causes({ causes: found }: PeriodStatistics): Markup {
  if (found.length === 0) return html`<p class="empty">Nothing was rolled back.</p>`;
  const most = Math.max(...found.map(({ count }) => count));
  return html`<table class="bars"><thead class="unseen"><tr><th scope="col">Cause</th><th scope="col">Rollbacks</th></tr></thead><tbody>${found.map(
    ({ cause, count }) =>
      html`<tr><th scope="row">${causeNames[cause]}</th><td><meter min="0" max="${most}" value="${count}" aria-hidden="true"></meter> ${count}</td></tr>`,
  )}</tbody></table>`;
}

function savings(statistics: PeriodStatistics): Markup {
  const {
    averageRollbackMinutes: average,
    downtimeWithoutMinutes: without,
    downtimeMeasuredMinutes: measured,
  } = statistics;
  const less =
    without === 0
      ? ''
      : `${Math.round((100 * (without - measured)) / without)} % less than an estimated ${without} min without`;
  return html`${figure('Average rollback', average === null ? '–' : shortDuration(average * 60_000), 'from breach to traffic')}
${figure('By hand', `${statistics.manualRollbackMinutes} min`, 'assumed')}
${figure('Time saved', `${statistics.timeSavedMinutes} min`, '')}
${figure('Downtime', `${measured} min`, less)}`;
}

function dora({ dora: keys, deployments }: PeriodStatistics): Markup {
  const span = (minutes: number | null) => (minutes === null ? '–' : longDuration(minutes * 60_000));
  return html`${figure('Deployment frequency', `${keys.deploymentsPerDay} a day`, '')}
${figure('Lead time for changes', span(keys.leadTimeMinutes), keys.leadTimeKnown === 0 ? 'no deployment said when it was committed (--changed-at)' : `median, known of ${keys.leadTimeKnown} of ${deployments}`)}
${figure('Change failure rate', keys.changeFailurePercent === null ? '–' : `${keys.changeFailurePercent} %`, 'rolled back, or needing attention')}
${figure('Failed deployment recovery', span(keys.recoveryMinutes), 'median, from breach to traffic')}`;
}

function figure(name: string, value: string, note: string): Markup {
  return html`<div><dt>${name}</dt><dd><b>${value}</b>${note === '' ? '' : html`<span class="quiet">${note}</span>`}</dd></div>`;
}
