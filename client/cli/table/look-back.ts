import { actingVariables, apiVariables } from './common.ts';
import { anyProduct, type Group, note, product } from './entry.ts';

const ownVariables = ['ROLLBACK_CONFIG', 'ORCHESTRATOR_DATA', 'ORCHESTRATOR_STORE'];

export const lookBack: Group = {
  title: 'Look back',
  entries: [
    {
      name: 'incidents',
      summary: 'List incidents, or show one with its report',
      about: 'Lists rollbacks, newest first; or tells one from its first line to its last.',
      args: [{ name: '[incident]', description: 'id of an incident; default: the list' }],
      options: [{ flags: '--product <product>', description: 'only of this product' }],
      exits: [3, 5],
      variables: apiVariables,
      examples: ['orchestrator incidents', 'orchestrator incidents inc-2026-01-26-shop-1f2e3d4c'],
      seeAlso: ['review', 'dashboard'],
      load: async () => (await import('../commands/incidents.ts')).incidents,
    },
    {
      name: 'review',
      summary: 'The owner’s review ends a post-mortem',
      about: 'Records what you think of the hypothesis and of the rollback. A review is given once.',
      args: [{ name: '<incident>', description: 'id of the incident' }, note],
      options: [{ flags: '--verdict <verdict>', description: 'in a word or two', fallback: 'reviewed' }],
      exits: [3, 5],
      variables: actingVariables,
      examples: ['orchestrator review inc-2026-01-26-shop-1f2e3d4c "batch the query" --verdict confirmed'],
      seeAlso: ['incidents'],
      load: async () => (await import('../commands/incidents.ts')).review,
    },
    {
      name: 'dashboard',
      summary: 'Statistics: dashboard rollbacks',
      about: 'How many deployments were rolled back, why, how long it took, and what that saved.',
      args: [{ name: '<what>', description: 'rollbacks', values: ['rollbacks'] }],
      options: [{ flags: '--days <days>', description: 'how far back, in days', fallback: '30' }],
      exits: [5],
      variables: apiVariables,
      examples: ['orchestrator dashboard rollbacks --days 30'],
      seeAlso: ['incidents', 'backtest'],
      load: async () => (await import('../commands/dashboard.ts')).dashboard,
    },
    {
      name: 'backtest',
      summary: 'Would this policy have rolled back, when and why',
      about:
        'Judges the past again by a policy: deployments of this installation, what Prometheus remembers, or recorded traces. With --against two policies are compared.',
      args: [anyProduct],
      options: [
        { flags: '--days <days>', description: 'how far back, in days', fallback: '30' },
        {
          flags: '--prometheus',
          description: 'instead: ask the Prometheus of the product for its measurements',
        },
        {
          flags: '--from <time>',
          description: 'with --prometheus: judge deployments since then, ISO 8601 (default: --days ago)',
        },
        { flags: '--to <time>', description: 'with --prometheus: and until then (default: now)' },
        {
          flags: '--deployed-at <time...>',
          description: 'with --prometheus: these, in place of those in the store',
        },
        {
          flags: '--traces <folder>',
          description: 'instead: each *.csv.gz and *.csv of this folder, one deployment each',
        },
        { flags: '--out <file>', description: 'with --traces: write {trace: minute or null} as JSON' },
        { flags: '--policy <file>', description: 'a configuration file whose policy is taken instead' },
        {
          flags: '--against <file>',
          description: 'another one to compare with: what differs, and the sums',
        },
        { flags: '--plot <folder>', description: 'write a chart (SVG) of each case' },
        { flags: '--case <id>', description: 'only this deployment or trace, drawn in the terminal' },
      ],
      exits: [3, 5],
      variables: ownVariables,
      examples: [
        'orchestrator backtest shop --days 30 --against stricter.yml',
        'orchestrator backtest shop --prometheus --deployed-at 2026-01-26T10:00:00Z',
        'orchestrator backtest --traces traces/ --out decisions.json',
      ],
      seeAlso: ['calibrate', 'dashboard'],
      load: async () => (await import('../commands/backtest.ts')).backtest,
    },
    {
      name: 'calibrate',
      summary: 'What the judge knows of each service, and how soon it would see what',
      about:
        'Shows what is normal for each service at this hour, and what would be noticed within which time.',
      args: [product],
      exits: [3, 5],
      variables: ownVariables,
      examples: ['orchestrator calibrate shop'],
      seeAlso: ['backtest'],
      load: async () => (await import('../commands/calibrate.ts')).calibrate,
    },
  ],
};
