import { actingVariables } from './common.ts';
import { type Group, product, reason } from './entry.ts';

export const deploy: Group = {
  title: 'Deploy',
  entries: [
    {
      name: 'gate',
      summary: 'May this be deployed now, and would it come back? Exit code 6: no',
      about:
        'Asks before a deployment: freeze windows, a rollback under way, quarantined releases, the rollback floor, and whether a rollback would work. With samples of a load test they are held against the last known good release.',
      args: [
        product,
        { name: '[release]', description: 'what shall be deployed: RELEASE, or SERVICE=RELEASE,…' },
      ],
      options: [
        { flags: '--override <reason>', description: 'deploy all the same; it is recorded with your name' },
        {
          flags: '--performance <file>',
          description: 'JSON with samples of a test before production, held against last known good',
        },
        { flags: '--service <service>', description: 'whose samples they are, where the file is a list' },
      ],
      exits: [3, 5, 6],
      variables: actingVariables,
      examples: [
        'orchestrator gate shop v2.6.0',
        'orchestrator gate shop v2.6.0 --performance samples.json --service web',
      ],
      seeAlso: ['deployed', 'release', 'floor'],
      load: async () => (await import('../commands/gate.ts')).gate,
    },
    {
      name: 'deployed',
      summary: 'Report a deployment that has happened; its monitor starts',
      about:
        'Tells that a release is in production now: it is watched for 24 hours. The same deployment reported again is the same deployment. With --good somebody vouches for the release, so that there is something to go back to.',
      args: [product, { name: '<release>', description: 'RELEASE, or SERVICE=RELEASE,…' }],
      options: [
        {
          flags: '--id <deployment>',
          description: 'id of the deployment; the same id is the same deployment',
        },
        { flags: '--at <time>', description: 'when it happened, ISO 8601 (default: now)' },
        {
          flags: '--changed-at <time>',
          description: 'when its oldest change was committed, ISO 8601: the lead time counts from then',
        },
        {
          flags: '--callback <webhook>',
          description: 'a configured webhook, by its name: it is told the outcome',
        },
        {
          flags: '--good <reason>',
          description: 'vouch for the release: it is a rollback target at once',
        },
        {
          flags: '--rollback-floor <release>',
          description:
            'no older release may be restored from now on (an irreversible migration); RELEASE or SERVICE=RELEASE,…',
        },
        { flags: '--floor-reason <reason>', description: 'why' },
      ],
      exits: [3, 5],
      variables: actingVariables,
      examples: [
        'orchestrator deployed shop v2.5.0',
        'orchestrator deployed shop web=v2.5.0,jobs=v1.3.0 --id build-412',
      ],
      seeAlso: ['gate', 'status', 'floor'],
      load: async () => (await import('../commands/deployed.ts')).deployed,
    },
    {
      name: 'release',
      summary: 'Declare a release good or bad: a rollback target, or never one',
      about:
        'Sets or lifts what the system thinks of a release. A good one may be rolled back to at once; a bad one is quarantined: never a target, and the gate refuses it.',
      args: [product, { name: '<release>', description: 'the release meant' }, reason],
      options: [
        { flags: '--good', description: 'may be rolled back to' },
        { flags: '--bad', description: 'quarantined' },
        { flags: '--service <service>', description: 'only this service' },
      ],
      exits: [3, 5],
      variables: actingVariables,
      examples: ['orchestrator release shop v2.5.0 "the database was the cause" --good'],
      seeAlso: ['floor', 'gate', 'rollback'],
      load: async () => (await import('../commands/people.ts')).release,
    },
    {
      name: 'floor',
      summary: 'Restore no release older than this one from now on, or lift that',
      about:
        'Says that older releases no longer fit, say because of a migration that cannot be undone. A rollback then goes no further back.',
      args: [
        product,
        { name: '[release]', description: 'the oldest one that may come back; none with --lift' },
        reason,
      ],
      options: [
        { flags: '--service <service>', description: 'default: every service of the product' },
        { flags: '--lift', description: 'there is no floor any more' },
      ],
      exits: [3, 5],
      variables: actingVariables,
      examples: ['orchestrator floor shop v2.5.0 "drops the column price"', 'orchestrator floor shop --lift'],
      seeAlso: ['deployed', 'release'],
      load: async () => (await import('../commands/people.ts')).floor,
    },
  ],
};
