import type { McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import type { Answer, RollbackPlan } from '../answers.ts';
import type { RollbackClient } from '../rollback-client.ts';
import { reason, scopeOf, scopeShape } from './inputs.ts';
import { answered, type ToolAnswer } from './tool-answer.ts';

/** What changes production. The API asks the token's role, as of anybody. */
export function addPeopleTools(server: McpServer, client: RollbackClient, by: () => string): void {
  server.registerTool(
    'roll_back',
    {
      title: 'Roll back now',
      description:
        'Puts the last known good release (or the one that is named) back at once, whatever the triggers say. With dry_run it only says what would be done.',
      inputSchema: z.object({
        ...scopeShape,
        reason,
        to: z.string().optional().describe('This release instead of last known good'),
        dry_run: z.boolean().default(false),
      }),
      annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: true },
    },
    ({ reason: why, to, dry_run: isDry, ...scope }) =>
      answered(
        isDry
          ? client.planRollback(scopeOf(scope)).then((plan) => ({ text: planText(plan), structured: plan }))
          : client.rollback(scopeOf(scope), { reason: why, to: to ?? null, by: by() }).then(spoken),
      ),
  );
  server.registerTool(
    'pause',
    {
      title: 'Hold back automatic rollbacks',
      description:
        'Until it is resumed, or for some minutes, nothing is rolled back automatically; everything is still measured, judged and told.',
      inputSchema: z.object({
        ...scopeShape,
        reason,
        minutes: z.number().positive().max(43_200).optional().describe('Ends by itself after this time'),
      }),
      annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: true },
    },
    ({ reason: why, minutes, ...scope }) =>
      answered(client.pause(scopeOf(scope), { reason: why, minutes, by: by() }).then(spoken)),
  );
  server.registerTool(
    'resume',
    {
      title: 'End a pause',
      description: 'Automatic rollbacks may happen again; a breach that stands is acted on at once.',
      inputSchema: z.object(scopeShape),
      annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: true },
    },
    (scope) => answered(client.resume(scopeOf(scope), by()).then(spoken)),
  );
  server.registerTool(
    'acknowledge',
    {
      title: 'Somebody is on it',
      description: 'Silences the escalation of a rollback for a while.',
      inputSchema: z.object({ ...scopeShape, note: z.string().max(2_000).optional() }),
      annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: true },
    },
    ({ note, ...scope }) =>
      answered(client.command(scopeOf(scope), 'acknowledge', { note, by: by() }).then(spoken)),
  );
}

function spoken(answer: Answer): ToolAnswer {
  const word = answer.accepted ? (answer.queued === true ? 'Queued' : 'Accepted') : 'Refused';
  return { text: `${word}: ${answer.reason}`, structured: answer, refused: !answer.accepted };
}

function planText({ services }: RollbackPlan): string {
  const lines = services.map(({ service, release, candidates }) => {
    const [first] = candidates;
    if (first === undefined) return `${service} ${release}: there is nothing to go back to`;
    return `${service} ${release} → ${first.release}: ${first.reason}; ${first.restorable}`;
  });
  return ['Nothing was done. A rollback would now do this:', ...lines].join('\n');
}
