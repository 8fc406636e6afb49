import { actingVariables } from './common.ts';
import type { Group } from './entry.ts';

const variables = [
  'ROLLBACK_CONFIG',
  'ORCHESTRATOR_DATA',
  'ORCHESTRATOR_STORE',
  'SMTP_URL',
  'TEMPORAL_ADDRESS',
  'TEMPORAL_NAMESPACE',
];

export const operate: Group = {
  title: 'Operate',
  entries: [
    {
      name: 'up',
      summary: 'Run everything on this machine: Temporal, workers, API',
      about:
        'Runs in the foreground until it is told to stop; monitors go on when it is started again. Without TEMPORAL_ADDRESS it runs a Temporal server of its own. With --only and --group the parts run apart.',
      options: [
        { flags: '--port <port>', description: 'port of the API', fallback: '4600' },
        {
          flags: '--ui-port <port>',
          description: 'port of the Temporal Web UI (embedded server)',
          fallback: '8233',
        },
        {
          flags: '--temporal-port <port>',
          description: 'port of the embedded Temporal server',
          fallback: '7233',
        },
        { flags: '--metrics-port <port>', description: 'port of the /metrics page', fallback: '4601' },
        {
          flags: '--only <role>',
          description: 'run only the "api" or only the "worker"',
          values: ['api', 'worker'],
        },
        { flags: '--group <name>', description: 'run the worker of a worker group' },
        { flags: '--host <host>', description: 'address to listen on', fallback: '127.0.0.1' },
      ],
      exits: [5],
      variables: [...variables, 'LOG_LEVEL'],
      examples: ['orchestrator up --config rollback-config.yml', 'orchestrator up --only worker'],
      seeAlso: ['doctor', 'status'],
      load: async () => (await import('../commands/up.ts')).up,
    },
    {
      name: 'doctor',
      summary: 'Check everything that is configured, and say how to mend it',
      about:
        'Looks at everything that a rollback will need, before it is needed: Temporal and its clock, store, data folder, token, variables, targets, metrics, health, traffic, channels and GitHub. Nothing is changed and nobody is told. Each failure says how to mend it.',
      options: [{ flags: '--fetch', description: 'fetch the embedded Temporal server ahead of time' }],
      variables: [...variables, 'NO_COLOR', 'FORCE_COLOR'],
      examples: ['orchestrator doctor', 'orchestrator doctor --fetch --json'],
      seeAlso: ['config', 'gate', 'up'],
      load: async () => (await import('../commands/doctor.ts')).doctor,
    },
    {
      name: 'mcp',
      summary: 'Serve agents: the Model Context Protocol on stdin and stdout',
      about:
        'Started by an agent’s host, not by hand. Its tools register deployments, wait for their outcome, read incidents, search lessons, roll back and pause; the token’s role decides what is allowed.',
      variables: actingVariables,
      exits: [5],
      examples: ['orchestrator mcp --api https://rollback.example.com'],
      seeAlso: ['up', 'incidents'],
      load: async () => (await import('../commands/mcp.ts')).mcp,
    },
  ],
};
