import { type IncidentReport, inline, reportMarkdown } from '../../domain/post-mortem.ts';
import { type TimelineEntry, timelineLine } from '../../domain/timeline.ts';
import type { IncidentStory } from '../answers.ts';

/** An incident as its report tells it; before there is one, what is known so far. */
export function incidentMarkdown({ incident, report, timeline }: IncidentStory): string {
  const entries = timeline.toSorted((a, b) => a.atMs - b.atMs) as unknown as TimelineEntry[];
  const { id, review, status, reason } = incident;
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
  return `# ${id}\n\nStatus: ${status}. ${reviewed}\n\n${told}`;
}
