import type { DeploymentStory } from '../../api/reading/story.ts';
import type { Mark, Span } from './charts.ts';

/** What happened to a deployment, to be drawn into each of its charts. */
export function marksOf({ deployment, incidents, toMs }: DeploymentStory): { spans: Span[]; marks: Mark[] } {
  const marks: Mark[] = [{ kind: 'deployed', atMs: deployment.deployedAtMs, label: 'deployed' }];
  const spans: Span[] = [];
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
