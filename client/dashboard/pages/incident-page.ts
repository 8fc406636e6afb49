import { html } from 'hono/html';
import type { ChangeSet } from '../../../domain/changes.ts';
import { releaseNames } from '../../../domain/deployment.ts';
import { shortNumber } from '../../../domain/detection/verdict.ts';
import type { Incident } from '../../../domain/incident.ts';
import { type IncidentReport, minutes } from '../../../domain/post-mortem.ts';
import type { TimelineEntry } from '../../../domain/timeline.ts';
import type { Markup } from '../layout.ts';
import { actionForm } from '../parts/actions.ts';
import { timelineList } from '../parts/timeline.ts';
import { badge, deploymentPath, productTitle, time } from '../parts/words.ts';

export interface IncidentView {
  readonly incident: Incident;
  /** `null`: the post-mortem is still being written. */
  readonly report: IncidentReport | null;
  readonly timeline: readonly TimelineEntry[];
  readonly mayReview: boolean;
  readonly csrf: string;
}

/** The report as a document: what happened, what it cost, why, and what somebody made of it. */
export function incidentBody({ incident, report, timeline, mayReview, csrf }: IncidentView): Markup {
  return html`${head(incident)}
${report === null ? html`<p class="empty">The post-mortem is being written.</p>` : findings(report)}
<section aria-label="Review"><h2>Review</h2>${review(incident, mayReview, csrf)}</section>
<section aria-label="Timeline"><h2>Timeline</h2>${timelineList(timeline)}</section>
${report === null ? '' : evidence(report)}`;
}

function head(incident: Incident): Markup {
  const { outcome, status, from, to, breachAtMs, trafficStoppedAtMs, trafficResumedAtMs, endedAtMs } =
    incident;
  const downMs =
    trafficStoppedAtMs === null
      ? 0
      : (trafficResumedAtMs ?? endedAtMs ?? trafficStoppedAtMs) - trafficStoppedAtMs;
  return html`<p class="lead">${badge(outcome ?? (status === 'escalated' ? 'escalated' : 'rolling_back'))} <b>${productTitle(incident)}</b> ${releaseNames(from)} → ${to.length === 0 ? 'nothing' : releaseNames(to)}</p>
<p class="sentence">${incident.reason}</p>
${incident.outcomeReason === null ? '' : html`<p>${incident.outcomeReason}</p>`}
<dl class="facts">
<div><dt>Deployment</dt><dd><a href="${deploymentPath(incident)}">${incident.deployment}</a></dd></div>
<div><dt>Began</dt><dd>${time(breachAtMs)}</dd></div>
<div><dt>Ended</dt><dd>${endedAtMs === null ? 'still under way' : time(endedAtMs)}</dd></div>
<div><dt>Duration</dt><dd>${endedAtMs === null ? '–' : `${minutes(endedAtMs - breachAtMs)} min`}</dd></div>
<div><dt>Maintenance</dt><dd>${minutes(downMs)} min</dd></div>
<div><dt>Attempts</dt><dd>${incident.attempts}, ${incident.origin}</dd></div>
${issue(incident)}
<div><dt>Export</dt><dd><a href="/incidents/${incident.id}.md" download>Markdown</a></dd></div>
</dl>`;
}

function issue({ issue: reference, issueUrl }: Incident): Markup {
  if (reference === null) return html``;
  const isAddress = /^https?:\/\//.test(issueUrl ?? '');
  return html`<div><dt>Issue</dt><dd>${isAddress ? html`<a href="${issueUrl}" rel="noreferrer">${reference}</a>` : reference}</dd></div>`;
}

function findings({
  impact,
  root_cause_hypothesis: cause,
  triggers,
  changes_deployed,
}: IncidentReport): Markup {
  return html`<section aria-label="Root cause"><h2>Root cause, a hypothesis</h2>
<p class="sentence">${cause.summary} <span class="quiet">(confidence: ${cause.confidence})</span></p>
<ul>${cause.evidence.map((line) => html`<li>${line}</li>`)}</ul></section>
<section aria-label="Impact"><h2>Impact</h2><dl class="facts">
<div><dt>Errors</dt><dd>${impact.error_count}</dd></div>
<div><dt>Affected users</dt><dd>${impact.affected_users}</dd></div>
<div><dt>Downtime</dt><dd>${impact.downtime_minutes} min</dd></div></dl></section>
<section aria-label="Triggers"><h2>What was seen</h2><ul>${triggers.map(({ type, severity, reason }) => html`<li><b>${type.replaceAll('_', ' ')}</b> (${severity}): ${reason}</li>`)}</ul></section>
<section aria-label="Changes"><h2>What was deployed</h2>${changes_deployed.length === 0 ? html`<p class="empty">No source of changes is configured.</p>` : changes_deployed.map(changeSet)}</section>`;
}

function changeSet({ from, to, problem, changes }: ChangeSet): Markup {
  if (problem !== null) return html`<p>${from} → ${to}: ${problem}</p>`;
  return html`<h3>${from} → ${to}</h3><ul>${changes.map(
    ({ id, subject, author, files }) =>
      html`<li><code>${id.slice(0, 10)}</code> ${subject} <span class="quiet">(${author})</span>${files.length === 0 ? '' : html`<br>${files.map(({ path, added, removed }) => html`<code>${path}</code> <span class="quiet">+${added} −${removed}</span> `)}`}</li>`,
  )}</ul>`;
}

function evidence({
  metrics_snapshot: rows,
  logs_excerpt: lines,
  logs_total,
  logs_reference,
}: IncidentReport): Markup {
  const known = (value: number | null) => (value === null ? 'unknown' : shortNumber(value));
  return html`<section aria-label="Evidence"><h2>Evidence</h2>
<h3>The last ${rows.length} checks</h3>
<div class="scroll" tabindex="0" role="region" aria-label="Checks"><table class="list"><thead><tr><th scope="col">Time</th><th scope="col">Service</th><th scope="col">Errors/min</th><th scope="col">Requests/s</th><th scope="col">p95 ms</th><th scope="col">Memory %</th><th scope="col">Failed probes</th></tr></thead>
<tbody>${rows.map((row) => html`<tr><td>${row.at.slice(11, 19)}</td><td>${row.service}</td><td class="number">${row.error_rate}</td><td class="number">${row.request_rate}</td><td class="number">${known(row.p95_latency_ms)}</td><td class="number">${known(row.memory_usage_percent)}</td><td class="number">${row.failed_probes}</td></tr>`)}</tbody></table></div>
<h3>Logs: ${lines.length} of ${logs_total} matching lines</h3>
<p class="quiet">${logs_reference}</p>
${lines.length === 0 ? '' : html`<pre class="scroll" tabindex="0" role="region" aria-label="Log lines">${lines.join('\n')}</pre>`}</section>`;
}

function review({ id, review: done, endedAtMs }: Incident, mayReview: boolean, csrf: string): Markup {
  if (done !== null)
    return html`<blockquote><p><b>${done.verdict}</b>${done.note === '' ? '' : html`: ${done.note}`}</p><footer>${done.by}, ${time(done.atMs)}</footer></blockquote>`;
  if (endedAtMs === null) return html`<p class="empty">It is reviewed when it has ended.</p>`;
  if (!mayReview) return html`<p class="quiet">The owner has not reviewed it yet.</p>`;
  return actionForm(
    {
      name: 'review',
      label: 'Review',
      explains: 'Your word ends the post-mortem. The next person with this pattern reads it.',
      confirm: 'Record the review',
      fields: [
        { name: 'verdict', label: 'Verdict in a word or two', value: 'confirmed', required: true },
        { name: 'note', label: 'What was it, and what is done about it', type: 'textarea' },
      ],
    },
    `/incidents/${id}/review`,
    csrf,
  );
}
