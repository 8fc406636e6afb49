import type { McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { releaseNames } from '../../domain/deployment.ts';
import { triggerTypes } from '../../domain/detection/verdict.ts';
import type { Incident, Lesson } from '../answers.ts';
import { incidentMarkdown } from '../incident-markdown.ts';
import type { RollbackClient } from '../rollback-client.ts';
import { scopeShape } from './inputs.ts';
import { answered } from './tool-answer.ts';

export function addIncidentTools(server: McpServer, client: RollbackClient): void {
  server.registerTool(
    'list_incidents',
    {
      title: 'Recent incidents',
      description: 'Rollbacks and what came of them, newest first.',
      inputSchema: z.object({
        ...scopeShape,
        product: scopeShape.product.optional(),
        limit: z.number().int().min(1).max(100).default(10),
      }),
      annotations: { readOnlyHint: true, openWorldHint: true },
    },
    (filter) =>
      answered(
        client.incidents(filter).then((given) => ({
          text: given.incidents.map(incidentLine).join('\n') || 'No incidents.',
          structured: given,
        })),
      ),
  );
  server.registerTool(
    'read_incident',
    {
      title: 'One incident',
      description:
        'The incident report: triggers, hypothesis of the cause, timeline, changes, metrics, logs.',
      inputSchema: z.object({ incident: z.string().describe('Its id, e.g. inc-2026-01-26-shop-1f2e3d4c') }),
      annotations: { readOnlyHint: true, openWorldHint: true },
    },
    ({ incident }) =>
      answered(
        client
          .incident(incident)
          .then((given) => ({ text: incidentMarkdown(given), structured: { incident: given.incident } })),
      ),
  );
  server.registerTool(
    'lessons',
    {
      title: 'Has this happened before?',
      description:
        'Searches past incidents by words (of an error, a file, a symptom, a fix), by trigger, cause or service, or by likeness to an incident. Says what the cause was, what was put back, which commits were in it, and what the owner found: what fixed it.',
      inputSchema: z.object({
        query: z.string().max(1_000).optional().describe('E.g. "pool timeout src/products.js"'),
        like: z.string().optional().describe('An incident: has its pattern happened before?'),
        ...scopeShape,
        product: scopeShape.product.optional(),
        service: z.string().optional(),
        trigger: z.enum(triggerTypes).optional(),
        cause: z.string().optional().describe('As a report has it, e.g. n_plus_one_query'),
        limit: z.number().int().min(1).max(50).default(5),
      }),
      annotations: { readOnlyHint: true, openWorldHint: true },
    },
    (question) =>
      answered(
        client.lessons(question).then((given) => ({ text: lessonsText(given.lessons), structured: given })),
      ),
  );
}

export function incidentLine(incident: Incident): string {
  const { id, openedAtMs, product, from, to, outcome, status, reason } = incident;
  const back = to.length === 0 ? 'nothing' : releaseNames(to);
  return `${id} ${day(openedAtMs)} ${product} ${releaseNames(from)} → ${back}, ${outcome ?? status}: ${reason}`;
}

export function lessonsText(lessons: readonly Lesson[]): string {
  if (lessons.length === 0) return 'Nothing like it is known.';
  return lessons.map(lessonText).join('\n\n');
}

function lessonText(lesson: Lesson): string {
  const { incident, openedAtMs, product, reason, causeSummary, cause, from, to, outcome, review, commits } =
    lesson;
  return [
    `${incident} (${product}, ${day(openedAtMs)}): ${reason}`,
    `  found because: ${lesson.why}`,
    `  cause: ${causeSummary ?? cause}`,
    `  ${from} → ${to ?? 'nothing'}: ${outcome ?? 'not ended'}${lesson.outcomeReason === null ? '' : `, ${lesson.outcomeReason}`}`,
    review === null
      ? '  not reviewed yet'
      : `  ${review.by} found (${review.verdict}): ${review.note || 'no note'}`,
    ...commits
      .slice(0, 5)
      .map(
        ({ id, subject, author, files }) =>
          `  commit ${id.slice(0, 10)} ${subject} (${author}): ${files.slice(0, 5).join(', ')}`,
      ),
  ].join('\n');
}

function day(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10);
}
