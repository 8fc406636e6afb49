import { html, raw } from 'hono/html';
import type { Principal } from '../../../domain/access.ts';
import { releaseNames } from '../../../domain/deployment.ts';
import { shortNumber } from '../../../domain/detection/verdict.ts';
import { monitorWorkflowId } from '../../../domain/identity.ts';
import { signalNames } from '../../../domain/series.ts';
import type { ServiceSeries, SignalSeries } from '../../api/reading/series.ts';
import type { DeploymentStory } from '../../api/reading/story.ts';
import type { Markup } from '../layout.ts';
import { actionList } from '../parts/actions.ts';
import { type ChartInput, chart, chartWords } from '../parts/charts.ts';
import { marksOf } from '../parts/marks.ts';
import { timelineList } from '../parts/timeline.ts';
import { badge, longDuration, time } from '../parts/words.ts';

export interface DeploymentView {
  readonly story: DeploymentStory;
  readonly viewer: Principal;
  readonly csrf: string;
  /** Namespace in the Temporal Web UI; `null`: not known. */
  readonly temporalUi: string | null;
  readonly nowMs: number;
}

/** The parts of the page that change while somebody looks, by name. */
export function deploymentRegions(view: DeploymentView): Readonly<Record<string, Markup>> {
  const { story, viewer, csrf } = view;
  return {
    head: head(view),
    actions: story.now === null ? html`` : actionList(story.now, viewer, csrf),
    charts: charts(story),
    timeline: timelineList(story.timeline),
  };
}

export function deploymentBody(view: DeploymentView): Markup {
  const regions = deploymentRegions(view);
  return html`<section data-region="head">${regions.head}</section>
<section aria-label="Commands" class="actions" data-region="actions">${regions.actions}</section>
<section aria-label="Signals"><h2>Signals</h2><div data-region="charts">${regions.charts}</div></section>
<section aria-label="Timeline"><h2>Timeline</h2><div data-region="timeline">${regions.timeline}</div></section>`;
}

function head({ story, temporalUi, nowMs }: DeploymentView): Markup {
  const { deployment, now, incidents } = story;
  const { outcome, origin } = deployment;
  const link =
    temporalUi === null
      ? null
      : `${temporalUi}/workflows/${encodeURIComponent(monitorWorkflowId(deployment))}`;
  return html`<p class="lead">${badge(outcome ?? now?.phase ?? 'watching')} <b>${releaseNames(deployment.services)}</b>${origin === 'reported' ? '' : html` (${origin})`}, deployed ${time(deployment.deployedAtMs)}, ${longDuration(nowMs - deployment.deployedAtMs)} ago</p>
${incidents.map(({ reason }) => html`<p class="sentence">${reason}</p>`)}<p class="sentence">${story.sentence}</p>
<dl class="facts">
${fact('Last check', story.checkedAtMs === null ? 'none yet' : time(story.checkedAtMs))}
${fact(outcome === null ? 'Watched until' : 'Ended', outcome === null ? (now?.endsAtMs == null ? '–' : html`${time(now.endsAtMs)}, ${longDuration(now.endsAtMs - nowMs)} left`) : deployment.endedAtMs === null ? '–' : time(deployment.endedAtMs))}
${fact('Good traffic', `${longDuration(deployment.goodMs)} without a breach`)}
${now?.wayBack == null ? '' : fact('Way back', now.wayBack.missing === null ? `${now.wayBack.target}, ready (${now.wayBack.score} %)` : now.wayBack.missing)}
${now?.vetoWindow == null ? '' : fact('Rolls back', html`at ${time(now.vetoWindow.untilMs, 'clock')} unless vetoed: ${now.vetoWindow.reason}`)}
${now?.veto == null ? '' : fact('Vetoed', html`by ${now.veto.by} at ${time(now.veto.atMs, 'clock')}: ${now.veto.reason}`)}
${now?.pause == null ? '' : fact('Paused', html`by ${now.pause.by} ${now.pause.untilMs === null ? 'until resumed' : html`until ${time(now.pause.untilMs)}`}: ${now.pause.reason}`)}
${incidents.map((incident) => fact('Incident', html`<a href="/incidents/${incident.id}">${incident.id}</a>`))}
${link === null ? '' : fact('Temporal', html`<a href="${link}" rel="noreferrer">workflow ${monitorWorkflowId(deployment)}</a>`)}
</dl>`;
}

function fact(name: string, value: string | Markup): Markup {
  return html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
}

function charts(story: DeploymentStory): Markup {
  if (story.services.every(({ signals }) => signals.length === 0))
    return html`<p class="empty">Nothing has been measured yet.</p>`;
  return html`${story.services.map((service) => serviceCharts(story, service))}`;
}

function serviceCharts(story: DeploymentStory, { service, release, signals }: ServiceSeries): Markup {
  return html`${story.services.length > 1 ? html`<h3>${service} ${release}</h3>` : ''}<div class="charts">${signals.map((signal) => figure(story, signal))}</div>`;
}

function figure(story: DeploymentStory, series: SignalSeries): Markup {
  const { signal, unit, points, baseline, threshold } = series;
  const input: ChartInput = {
    ...marksOf(story),
    title: signalNames[signal],
    unit,
    points,
    baseline,
    threshold,
    fromMs: story.fromMs,
    toMs: story.toMs,
  };
  const data = {
    ...input,
    points: points.map(({ atMs, value }) => [atMs, value === null ? null : Number(value.toPrecision(4))]),
  };
  return html`<figure class="plot" data-chart><figcaption><b>${signalNames[signal]}</b> <span class="quiet">${unit}</span> ${legend(series)}</figcaption>
<div class="canvas">${raw(chart(input))}</div>
<script type="application/json">${raw(JSON.stringify(data).replaceAll('<', '\\u003c'))}</script>
<details class="data"><summary>As a table</summary><div class="scroll" tabindex="0" role="region" aria-label="Values">${table(series, chartWords(input))}</div></details></figure>`;
}

function legend({ baseline, threshold, unit }: SignalSeries): Markup {
  return html`<span class="legend">${baseline === null ? '' : html`<span class="key baseline">baseline ${shortNumber(baseline)} ${unit}</span>`}${threshold === null ? '' : html`<span class="key threshold">threshold ${shortNumber(threshold)} ${unit}</span>`}</span>`;
}

/** The newest: whoever reads a table reads its end. */
const tableRows = 30;

function table({ points, unit }: SignalSeries, words: string): Markup {
  return html`<table><caption>${words}</caption><thead><tr><th scope="col">Time</th><th scope="col">${unit}</th></tr></thead><tbody>${points
    .slice(-tableRows)
    .toReversed()
    .map(
      ({ atMs, value }) =>
        html`<tr><td>${time(atMs, 'clock')}</td><td class="number">${value === null ? 'not measured' : shortNumber(value)}</td></tr>`,
    )}</tbody></table>`;
}
