import type { Option } from './entry.ts';

/** Options that every command has. */
export const commonOptions: readonly Option[] = [
  { flags: '--json', description: 'machine-readable output on stdout' },
  {
    flags: '--environment <environment>',
    description: 'environment of the product',
    fallback: 'production',
  },
  { flags: '--data <folder>', description: 'data folder (default: $ORCHESTRATOR_DATA or ./.orchestrator)' },
  {
    flags: '--api <url>',
    description: 'address of the API (default: $ORCHESTRATOR_API or what the data folder says)',
  },
  {
    flags: '--config <file>',
    description:
      'configuration file (default: $ROLLBACK_CONFIG, ./rollback-config.yml, .claude/advanced-features/rollback-config.yml)',
  },
];

/** Exit codes and what they mean, in a few words. */
export const exitMeanings: Readonly<Record<number, string>> = {
  0: 'ok',
  1: 'failure: refused, or it went wrong',
  2: 'usage or configuration is wrong',
  3: 'not found',
  4: 'rolled back or needs attention',
  5: 'API, Temporal or store does not answer',
  6: 'refused by the gate',
  124: '--timeout is over',
  130: 'interrupted with Ctrl-C',
};

/** Environment variables that help and man page explain. */
export const variableMeanings: Readonly<Record<string, string>> = {
  ORCHESTRATOR_API: 'address of the API',
  ORCHESTRATOR_TOKEN: 'token of the API; default what is in the data folder',
  ORCHESTRATOR_DATA: 'data folder; default ./.orchestrator',
  ORCHESTRATOR_USER: 'who commands are said to come from; default the name of the account',
  ORCHESTRATOR_STORE: 'postgres://… or the file of SQLite; default store.db in the data folder',
  ROLLBACK_CONFIG: 'the configuration file',
  SMTP_URL: 'mail server, like smtp://user:password@mail:587; without it no e-mail is sent',
  TEMPORAL_ADDRESS: 'a Temporal server in place of the embedded one',
  TEMPORAL_NAMESPACE: 'namespace on that server',
  PROMETHEUS_URL: 'a Prometheus that init should know of',
  KUBECONFIG: 'the kubeconfig that init should look at',
  LOG_LEVEL: 'of the logs on stderr; default warn',
  NO_COLOR: 'set: no colour',
  FORCE_COLOR: 'set: colour even where the output is no terminal',
};

/** What every command that asks the API goes by. */
export const apiVariables = ['ORCHESTRATOR_API', 'ORCHESTRATOR_TOKEN', 'ORCHESTRATOR_DATA'] as const;
export const actingVariables = [...apiVariables, 'ORCHESTRATOR_USER'] as const;
