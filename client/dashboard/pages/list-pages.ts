import { html } from 'hono/html';
import { type Deployment, releaseNames } from '../../../domain/deployment.ts';
import { shortDuration } from '../../../domain/detection/verdict.ts';
import type { Incident } from '../../../domain/incident.ts';
import type { Markup } from '../layout.ts';
import { badge, deploymentPath, productTitle, time } from '../parts/words.ts';

/** What a list is narrowed to, and how it goes on. */
export interface ListView {
  readonly product: string | undefined;
  readonly products: readonly string[];
  /** Path of the next page; `null`: this is the last one. */
  readonly next: string | null;
}

export function deploymentsBody(deployments: readonly Deployment[], view: ListView): Markup {
  return html`${filter('/deployments', view)}
${
  deployments.length === 0
    ? html`<p class="empty">No deployment is known. Pipelines report them: <code>orchestrator deployed PRODUCT RELEASE</code>.</p>`
    : html`<div class="scroll" tabindex="0" role="region" aria-label="Deployments"><table class="list"><thead><tr><th scope="col">Deployed</th><th scope="col">Product</th><th scope="col">Release</th><th scope="col">Outcome</th><th scope="col">Why</th></tr></thead>
<tbody>${deployments.map(
        (deployment) =>
          html`<tr><td>${time(deployment.deployedAtMs)}</td><td>${productTitle(deployment)}</td><th scope="row"><a href="${deploymentPath(deployment)}">${releaseNames(deployment.services)}</a>${deployment.origin === 'reported' ? '' : html` <span class="quiet">${deployment.origin}</span>`}</th><td>${badge(deployment.outcome ?? (deployment.status === 'waiting' ? 'waiting' : 'watching'))}</td><td class="why">${deployment.outcomeReason ?? ''}</td></tr>`,
      )}</tbody></table></div>`
}
${more(view)}`;
}

export function incidentsBody(incidents: readonly Incident[], view: ListView): Markup {
  return html`${filter('/incidents', view)}
${
  incidents.length === 0
    ? html`<p class="empty">No incidents: nothing was rolled back.</p>`
    : html`<div class="scroll" tabindex="0" role="region" aria-label="Incidents"><table class="list"><thead><tr><th scope="col">Opened</th><th scope="col">Product</th><th scope="col">Incident</th><th scope="col">From → to</th><th scope="col">Outcome</th><th scope="col">Took</th><th scope="col">Why</th><th scope="col">Review</th></tr></thead>
<tbody>${incidents.map(incidentRow)}</tbody></table></div>`
}
${more(view)}`;
}

function incidentRow(incident: Incident): Markup {
  const { id, openedAtMs, endedAtMs, breachAtMs, outcome, status, review } = incident;
  return html`<tr><td>${time(openedAtMs)}</td><td>${productTitle(incident)}</td><th scope="row"><a href="/incidents/${id}">${id}</a></th><td>${releaseNames(incident.from)} → ${incident.to.length === 0 ? 'nothing' : releaseNames(incident.to)}</td><td>${badge(outcome ?? (status === 'escalated' ? 'escalated' : 'rolling_back'))}</td><td class="number">${endedAtMs === null ? '' : shortDuration(endedAtMs - breachAtMs)}</td><td class="why">${incident.reason}</td><td>${review === null ? html`<span class="warn">not yet</span>` : html`${review.verdict}, ${review.by}`}</td></tr>`;
}

function filter(path: string, { product, products }: ListView): Markup {
  return html`<form class="filter" method="get" action="${path}"><label>Product <select name="product"><option value="">all</option>${products.map(
    (name) => html`<option value="${name}"${name === product ? html` selected` : ''}>${name}</option>`,
  )}</select></label> <button>Show</button></form>`;
}

function more({ next }: ListView): Markup {
  return next === null ? html`` : html`<p><a class="more" href="${next}" rel="next">Older</a></p>`;
}
