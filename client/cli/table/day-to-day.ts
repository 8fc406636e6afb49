import { actingVariables, apiVariables } from './common.ts';
import { anyProduct, type Group, product, reason } from './entry.ts';

export const dayToDay: Group = {
  title: 'Day to day',
  entries: [
    {
      name: 'status',
      summary: 'What is live and what is going on',
      about:
        'Shows each product in a line, or one product in detail. With --watch on a terminal it is a live view, left with q or Ctrl-C; elsewhere each new line of the timeline is printed. With a product, --watch ends when the deployment that was current at the start has ended, so that a pipeline can wait for it.',
      args: [anyProduct],
      options: [
        {
          flags: '--watch',
          description:
            'until the current deployment has ended; exit code 4 when it was rolled back or needs attention',
        },
        {
          flags: '--timeout <seconds>',
          description: 'give up watching after this time, in seconds, exit code 124',
        },
      ],
      exits: [3, 4, 5, 124, 130],
      variables: [...apiVariables, 'NO_COLOR', 'FORCE_COLOR'],
      examples: [
        'orchestrator status shop --watch',
        'orchestrator status shop --watch --timeout 3600 --json',
      ],
      seeAlso: ['incidents', 'rollback', 'pause'],
      load: async () => (await import('../commands/status.ts')).status,
    },
    {
      name: 'pause',
      summary: 'Hold back automatic rollbacks; everything is still watched',
      about:
        'Keeps the system from rolling back by itself, say during a migration. It goes on measuring, judging and telling people, and a person can still roll back. Without an end it lasts until "resume".',
      args: [product, reason],
      options: [
        { flags: '--minutes <minutes>', description: 'ends by itself after this time, in minutes' },
        { flags: '--until <time>', description: 'ends by itself at this time, ISO 8601' },
      ],
      exits: [3, 5],
      variables: actingVariables,
      examples: ['orchestrator pause shop "migration tonight" --minutes 90'],
      seeAlso: ['resume', 'status'],
      load: async () => (await import('../commands/people.ts')).pause,
    },
    {
      name: 'resume',
      summary: 'End a pause or a veto; a standing breach is acted on at once',
      about: 'Lets the system roll back by itself again. What is wrong at that moment is acted on at once.',
      args: [product],
      exits: [3, 5],
      variables: actingVariables,
      examples: ['orchestrator resume shop'],
      seeAlso: ['pause', 'veto'],
      load: async () => (await import('../commands/people.ts')).resume,
    },
  ],
};
