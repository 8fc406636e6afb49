import { actingVariables } from './common.ts';
import { type Group, note, product, reason } from './entry.ts';

const exits = [3, 5];
const variables = actingVariables;

export const incident: Group = {
  title: 'Incident',
  entries: [
    {
      name: 'rollback',
      summary: 'Roll back now, whatever the triggers say',
      about:
        'Puts the last known good release back, paused or not. Asked again while one runs, it joins it; in an escalation it tries again. With --direct this process does it by itself, for when Temporal is down.',
      args: [product, reason],
      options: [
        { flags: '--to <release>', description: 'go to this release instead of last known good' },
        { flags: '--dry-run', description: 'say what would be done' },
        { flags: '--direct', description: 'act from here, without Temporal; for when it is down' },
        { flags: '--force', description: 'with --direct: even though a rollback holds the product' },
      ],
      exits,
      variables: [...variables, 'ORCHESTRATOR_STORE', 'ROLLBACK_CONFIG'],
      examples: [
        'orchestrator rollback analytics-dashboard "CEO noticed UI breaking"',
        'orchestrator rollback shop --dry-run',
      ],
      seeAlso: ['status', 'abort', 'incidents'],
      load: async () => (await import('../commands/rollback.ts')).rollback,
    },
    {
      name: 'veto',
      summary: 'Say no to a rollback that waits for that',
      about:
        'Where the policy sets veto_seconds, an automatic rollback waits so long before it begins. A veto keeps the release: it is only observed from then on, until "resume". Without a veto, and as soon as it gets worse, it is rolled back.',
      args: [product, reason],
      exits,
      variables,
      examples: ['orchestrator veto shop "the load test, not the release"'],
      seeAlso: ['resume', 'rollback', 'pause'],
      load: async () => (await import('../commands/people.ts')).veto,
    },
    {
      name: 'acknowledge',
      summary: 'Somebody is on it: silences the escalation for a while',
      about:
        'Tells everybody that you are looking at it. The escalation is quiet for 30 minutes, and climbs again while users still see maintenance.',
      args: [product],
      exits,
      variables,
      examples: ['orchestrator acknowledge shop'],
      seeAlso: ['retry', 'handover', 'resolve'],
      load: async () => (await import('../commands/people.ts')).command('acknowledge'),
    },
    {
      name: 'retry',
      summary: 'In an escalation: try the rollback again, with new attempts',
      about: 'Starts the rollback anew, to the same release or another one.',
      args: [product],
      options: [{ flags: '--to <release>', description: 'go to this release' }],
      exits,
      variables,
      examples: ['orchestrator retry shop --to v2.3.0'],
      seeAlso: ['rollback', 'resolve'],
      load: async () => (await import('../commands/people.ts')).command('retry'),
    },
    {
      name: 'traffic',
      summary: 'In an escalation: resume or stop user traffic',
      about: 'Decides by hand whether users reach the release that is there, or the maintenance page.',
      args: [{ name: '<state>', description: 'resume or stop', values: ['resume', 'stop'] }, product],
      exits,
      variables,
      examples: ['orchestrator traffic resume shop'],
      seeAlso: ['resolve', 'retry'],
      load: async () => (await import('../commands/people.ts')).traffic,
    },
    {
      name: 'handover',
      summary: 'End an escalation: somebody else takes it from here',
      about: 'Ends the escalation, with traffic as it is, and records who has it now.',
      args: [product, note],
      options: [{ flags: '--to-person <name>', description: 'who takes it' }],
      exits,
      variables,
      examples: ['orchestrator handover shop "database team has it" --to-person ben'],
      seeAlso: ['resolve', 'acknowledge'],
      load: async () => (await import('../commands/people.ts')).handover,
    },
    {
      name: 'resolve',
      summary: 'End an escalation with traffic as it is',
      about: 'Says that it is over: nobody is called any more. Traffic stays as it is.',
      args: [product, note],
      exits,
      variables,
      examples: ['orchestrator resolve shop "restarted the database"'],
      seeAlso: ['traffic', 'handover'],
      load: async () => (await import('../commands/people.ts')).command('resolve'),
    },
    {
      name: 'abort',
      summary: 'Stop a rollback after its current step',
      about:
        'The step under way is finished, then people are asked. It never leaves users in maintenance without an escalation.',
      args: [product],
      exits,
      variables,
      examples: ['orchestrator abort shop'],
      seeAlso: ['retry', 'traffic', 'resolve'],
      load: async () => (await import('../commands/people.ts')).command('abort'),
    },
  ],
};
