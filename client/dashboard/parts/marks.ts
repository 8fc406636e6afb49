import type { DeploymentStory } from '../../api/reading/story.ts';
import type { Mark, Span } from './charts.ts';

/** What happened to a deployment, to be drawn into each of its charts. */
export function marksOf({ deployment, incidents, timeline, checkedAtMs, toMs }: DeploymentStory): {
  spans: Span[];
  marks: Mark[];
} {
  const marks: Mark[] = [{ kind: 'deployed', atMs: deployment.deployedAtMs, label: 'deployed' }];
  const spans: Span[] = incidents.length > 0 ? [] : breachesNotActedOn(timeline, checkedAtMs ?? toMs);
  for (const incident of incidents) {
    const { breachAtMs, openedAtMs, trafficStoppedAtMs, trafficResumedAtMs, endedAtMs } = incident;
    const over = endedAtMs ?? toMs;
    spans.push({
      kind: 'breach',
      fromMs: breachAtMs,
      toMs: trafficStoppedAtMs ?? over,
      label: `breach: ${incident.reason}`,
    });
    if (trafficStoppedAtMs !== null)
      spans.push({
        kind: 'maintenance',
        fromMs: trafficStoppedAtMs,
        toMs: trafficResumedAtMs ?? over,
        label: 'traffic stopped',
      });
    marks.push({ kind: 'rollback', atMs: openedAtMs, label: 'rollback began' });
    if (trafficResumedAtMs !== null)
      marks.push({ kind: 'traffic', atMs: trafficResumedAtMs, label: 'traffic resumed' });
    if (endedAtMs !== null)
      marks.push({ kind: 'ended', atMs: endedAtMs, label: `ended: ${incident.outcome ?? incident.status}` });
  }
  return { spans, marks };
}

/** Where nothing was rolled back (observed, paused, vetoed) the timeline alone tells when it was bad. */
function breachesNotActedOn(timeline: DeploymentStory['timeline'], toMs: number): Span[] {
  const spans: Span[] = [];
  let began: { readonly atMs: number; readonly label: string } | null = null;
  for (const { atMs, text } of timeline.toSorted((a, b) => a.atMs - b.atMs)) {
    const reason = /^Monitoring detects breach: (.*)$/s.exec(text)?.[1];
    if (reason !== undefined) began ??= { atMs, label: `breach: ${reason}` };
    else if (began !== null && /^breach:\S+ has ended$/.test(text)) {
      spans.push({ kind: 'breach', fromMs: began.atMs, toMs: atMs, label: began.label });
      began = null;
    }
  }
  return began === null
    ? spans
    : [...spans, { kind: 'breach', fromMs: began.atMs, toMs, label: began.label }];
}
