import { type IncidentReport, inline, reportMarkdown } from '../domain/post-mortem.ts';
import { type TimelineEntry, timelineLine } from '../domain/timeline.ts';

/** Of an incident, as the store and as the API has it. */
export interface ToldIncident {
  readonly incident: {
    readonly id: string;
    readonly status: string;
    readonly reason: string;
    readonly issue?: string | null;
    readonly issueUrl?: string | null | undefined;
    readonly review: { readonly by: string; readonly verdict: string; readonly note: string } | null;
  };
  readonly report: object | null;
  readonly timeline: readonly { readonly atMs: number; readonly kind: string; readonly text: string }[];
}

/** An incident as its report tells it, with the review and the issue; before there is a report, what is known so far. */
export function incidentMarkdown({ incident, report, timeline }: ToldIncident): string {
  const entries = timeline.toSorted((a, b) => a.atMs - b.atMs) as unknown as TimelineEntry[];
  const { id, review, status, reason } = incident;
  const issue = incident.issueUrl ?? incident.issue ?? null;
  const reviewed =
    review === null
      ? 'Not reviewed yet.'
      : `Reviewed by ${inline(review.by)} (${inline(review.verdict)}): ${inline(review.note)}`;
  const told =
    report === null
      ? [
          'There is no report yet.',
          '',
          inline(reason),
          '',
          '```',
          ...entries.map(timelineLine),
          '```',
          '',
        ].join('\n')
      : reportMarkdown(report as unknown as IncidentReport, entries);
  return `# ${id}\n\nStatus: ${status}. ${reviewed}${issue === null ? '' : ` Issue: ${issue}`}\n\n${told}`;
}
