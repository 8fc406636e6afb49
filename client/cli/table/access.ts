import { roles } from '../../../domain/access.ts';
import { actingVariables, apiVariables } from './common.ts';
import type { Group } from './entry.ts';

export const access: Group = {
  title: 'Access',
  entries: [
    {
      name: 'open',
      summary: 'Print a link that opens the page, signed in',
      about:
        'The link works once, within two minutes, and has the rights of the token that this command uses. The page shows what is going on now, each deployment with its charts, incidents, figures, and who did what.',
      exits: [5],
      variables: actingVariables,
      examples: ['orchestrator open'],
      seeAlso: ['status', 'token'],
      load: async () => (await import('../commands/access.ts')).open,
    },
    {
      name: 'token',
      summary: 'Make, list and revoke API tokens',
      about:
        'A token belongs to somebody or something, has a role, for one product or for all, and expires. It is shown once when it is made; only its hash is kept. Pipelines that can prove who they are with an identity token of their platform need none: see access.workloads in the configuration.',
      args: [
        { name: '<what>', description: 'create, list or revoke', values: ['create', 'list', 'revoke'] },
        { name: '[name]', description: 'of whoever holds it, e.g. ci or ada-laptop' },
      ],
      options: [
        { flags: '--role <role>', description: 'what it may do', values: roles },
        { flags: '--product <product>', description: 'only for this product; default: every one' },
        { flags: '--days <days>', description: 'until it expires, in days, or never', fallback: '90' },
      ],
      exits: [3, 5],
      variables: apiVariables,
      examples: [
        'orchestrator token create ci --role pipeline --product shop',
        'orchestrator token list',
        'orchestrator token revoke ci',
      ],
      seeAlso: ['audit', 'open'],
      load: async () => (await import('../commands/access.ts')).token,
    },
    {
      name: 'audit',
      summary: 'Who gave which command, when, from where, why, and the answer',
      about: 'The newest commands first, refused ones, too. For admins.',
      options: [
        { flags: '--product <product>', description: 'only about this product' },
        { flags: '--who <name>', description: 'only of this caller' },
        { flags: '--limit <count>', description: 'so many at most', fallback: '50' },
      ],
      exits: [5],
      variables: apiVariables,
      examples: ['orchestrator audit --product shop'],
      seeAlso: ['token'],
      load: async () => (await import('../commands/access.ts')).audit,
    },
  ],
};
