import { Command, CommanderError } from 'commander';
import { RollbackApiError } from '../rollback-client.ts';
import type { CommonOptions } from './context.ts';
import { CommandFailure, exitCode } from './exit-codes.ts';

type Action = (args: string[], options: never) => Promise<void>;

interface Entry {
  readonly usage: string;
  readonly description: string;
  readonly example: string;
  readonly options?: readonly [flags: string, description: string, fallback?: string][];
  /** Loaded when the command runs, so that `--help` is quick. */
  readonly load: () => Promise<Action>;
}

/** The table of contents. */
const entries: readonly Entry[] = [
  {
    usage: 'up',
    description: 'Run everything on this machine: Temporal, workers, API',
    example: 'orchestrator up --config rollback-config.yml',
    options: [
      ['--port <port>', 'port of the API', '4600'],
      ['--ui-port <port>', 'port of the Temporal Web UI (embedded server)', '8233'],
      ['--temporal-port <port>', 'port of the embedded Temporal server', '7233'],
      ['--metrics-port <port>', 'port of the /metrics page', '4601'],
      ['--only <role>', 'run only the "api" or only the "worker"'],
      ['--group <name>', 'run the worker of a worker group'],
      ['--host <host>', 'address to listen on', '127.0.0.1'],
    ],
    load: async () => (await import('./commands/up.ts')).up,
  },
  {
    usage: 'deployed <product> <release>',
    description: 'Report a deployment that has happened; its monitor starts',
    example:
      'orchestrator deployed shop v2.5.0\n  orchestrator deployed shop web=v2.5.0,jobs=v1.3.0 --id build-412',
    options: [
      ['--id <deployment>', 'id of the deployment; the same id is the same deployment'],
      ['--at <time>', 'when it happened, ISO 8601 (default: now)'],
      ['--good <reason>', 'vouch for the release: it is a rollback target at once'],
      [
        '--rollback-floor <release>',
        'no older release may be restored from now on (an irreversible migration); RELEASE or SERVICE=RELEASE,…',
      ],
      ['--floor-reason <reason>', 'why'],
    ],
    load: async () => (await import('./commands/deployed.ts')).deployed,
  },
  {
    usage: 'gate <product> [release]',
    description: 'May this be deployed now, and would it come back? Exit code 6: no',
    example:
      'orchestrator gate shop v2.6.0\n  orchestrator gate shop v2.6.0 --performance samples.json --service web',
    options: [
      ['--override <reason>', 'deploy all the same; it is recorded with your name'],
      ['--performance <file>', 'JSON with samples of a test before production, held against last known good'],
      ['--service <service>', 'whose samples they are, where the file is a list'],
    ],
    load: async () => (await import('./commands/gate.ts')).gate,
  },
  {
    usage: 'status [product]',
    description: 'What is live and what is going on',
    example: 'orchestrator status shop --watch',
    options: [
      [
        '--watch',
        'until the current deployment has ended; exit code 4 when it was rolled back or needs attention',
      ],
      ['--timeout <seconds>', 'give up watching after this time, exit code 124'],
    ],
    load: async () => (await import('./commands/status.ts')).status,
  },
  {
    usage: 'rollback <product> [reason]',
    description: 'Roll back now, whatever the triggers say',
    example: 'orchestrator rollback analytics-dashboard "CEO noticed UI breaking"',
    options: [
      ['--to <release>', 'go to this release instead of last known good'],
      ['--dry-run', 'say what would be done'],
      ['--direct', 'act from here, without Temporal; for when it is down'],
      ['--force', 'with --direct: even though a rollback holds the product'],
    ],
    load: async () => (await import('./commands/rollback.ts')).rollback,
  },
  {
    usage: 'pause <product> [reason]',
    description: 'Hold back automatic rollbacks; everything is still watched',
    example: 'orchestrator pause shop "migration tonight" --minutes 90',
    options: [
      ['--minutes <minutes>', 'ends by itself after this time'],
      ['--until <time>', 'ends by itself at this time, ISO 8601'],
    ],
    load: async () => (await import('./commands/people.ts')).pause,
  },
  {
    usage: 'resume <product>',
    description: 'End a pause; a standing breach is acted on at once',
    example: 'orchestrator resume shop',
    load: async () => (await import('./commands/people.ts')).resume,
  },
  {
    usage: 'acknowledge <product>',
    description: 'Somebody is on it: silences the escalation for a while',
    example: 'orchestrator acknowledge shop',
    load: async () => (await import('./commands/people.ts')).command('acknowledge'),
  },
  {
    usage: 'retry <product>',
    description: 'In an escalation: try the rollback again, with new attempts',
    example: 'orchestrator retry shop --to v2.3.0',
    options: [['--to <release>', 'go to this release']],
    load: async () => (await import('./commands/people.ts')).command('retry'),
  },
  {
    usage: 'traffic <state> <product>',
    description: 'In an escalation: resume or stop user traffic',
    example: 'orchestrator traffic resume shop',
    load: async () => (await import('./commands/people.ts')).traffic,
  },
  {
    usage: 'handover <product> [note]',
    description: 'End an escalation: somebody else takes it from here',
    example: 'orchestrator handover shop "database team has it" --to-person ben',
    options: [['--to-person <name>', 'who takes it']],
    load: async () => (await import('./commands/people.ts')).handover,
  },
  {
    usage: 'resolve <product> [note]',
    description: 'End an escalation with traffic as it is',
    example: 'orchestrator resolve shop "restarted the database"',
    load: async () => (await import('./commands/people.ts')).command('resolve'),
  },
  {
    usage: 'abort <product>',
    description: 'Stop a rollback after its current step',
    example: 'orchestrator abort shop',
    load: async () => (await import('./commands/people.ts')).command('abort'),
  },
  {
    usage: 'floor <product> [release] [reason]',
    description: 'Restore no release older than this one from now on, or lift that',
    example: 'orchestrator floor shop v2.5.0 "drops the column price"\n  orchestrator floor shop --lift',
    options: [
      ['--service <service>', 'default: every service of the product'],
      ['--lift', 'there is no floor any more'],
    ],
    load: async () => (await import('./commands/people.ts')).floor,
  },
  {
    usage: 'release <product> <release> [reason]',
    description: 'Declare a release good or bad: a rollback target, or never one',
    example: 'orchestrator release shop v2.5.0 "the database was the cause" --good',
    options: [
      ['--good', 'may be rolled back to'],
      ['--bad', 'quarantined'],
      ['--service <service>', 'only this service'],
    ],
    load: async () => (await import('./commands/people.ts')).release,
  },
  {
    usage: 'incidents [incident]',
    description: 'List incidents, or show one with its report',
    example: 'orchestrator incidents',
    options: [['--product <product>', 'only of this product']],
    load: async () => (await import('./commands/incidents.ts')).incidents,
  },
  {
    usage: 'review <incident> [note]',
    description: 'The owner’s review ends a post-mortem',
    example: 'orchestrator review inc-2026-01-26-shop-1f2e3d4c "batch the query" --verdict confirmed',
    options: [['--verdict <verdict>', 'in a word or two', 'reviewed']],
    load: async () => (await import('./commands/incidents.ts')).review,
  },
  {
    usage: 'dashboard <what>',
    description: 'Statistics: dashboard rollbacks',
    example: 'orchestrator dashboard rollbacks --days 30',
    options: [['--days <days>', 'how far back', '30']],
    load: async () => (await import('./commands/dashboard.ts')).dashboard,
  },
  {
    usage: 'backtest [product]',
    description:
      'Would this policy have rolled back, when and why: of this installation, of what Prometheus has, or of recorded traces',
    example:
      'orchestrator backtest shop --days 30 --against stricter.yml\n  orchestrator backtest shop --prometheus --deployed-at 2026-01-26T10:00:00Z\n  orchestrator backtest --traces traces/ --out decisions.json',
    options: [
      ['--days <days>', 'how far back', '30'],
      ['--prometheus', 'instead: ask the Prometheus of the product for its measurements'],
      ['--from <time>', 'with --prometheus: judge deployments since then, ISO 8601 (default: --days ago)'],
      ['--to <time>', 'with --prometheus: and until then (default: now)'],
      ['--deployed-at <time...>', 'with --prometheus: these, in place of those in the store'],
      ['--traces <folder>', 'instead: each *.csv.gz and *.csv of this folder, one deployment each'],
      ['--out <file>', 'with --traces: write {trace: minute or null} as JSON'],
      ['--policy <file>', 'a configuration file whose policy is taken instead'],
      ['--against <file>', 'another one to compare with: what differs, and the sums'],
      ['--plot <folder>', 'write a chart (SVG) of each case'],
      ['--case <id>', 'only this deployment or trace, drawn in the terminal'],
    ],
    load: async () => (await import('./commands/backtest.ts')).backtest,
  },
  {
    usage: 'calibrate <product>',
    description: 'What the judge knows of each service, and how soon it would see what',
    example: 'orchestrator calibrate shop',
    load: async () => (await import('./commands/calibrate.ts')).calibrate,
  },
  {
    usage: 'doctor',
    description: 'Check configuration, store, Temporal, targets, metrics and channels',
    example: 'orchestrator doctor --fetch',
    options: [['--fetch', 'fetch the embedded Temporal server ahead of time']],
    load: async () => (await import('./commands/doctor.ts')).doctor,
  },
  {
    usage: 'config <what>',
    description: 'Check the configuration file: config check',
    example: 'orchestrator config check --config rollback-config.yml',
    load: async () => (await import('./commands/config.ts')).config,
  },
];

/** Runs one command and sets the exit code. A leading `/orchestrator`, as a chat hands it over, is accepted. */
export async function main(argv: string[]): Promise<void> {
  const words = argv[0] === '/orchestrator' ? argv.slice(1) : argv;
  try {
    await program().parseAsync(words, { from: 'user' });
  } catch (error) {
    process.exitCode = report(error, words.includes('--json'));
  }
}

function program(): Command {
  const root = new Command('orchestrator')
    .description(
      'Watches each deployment for 24 hours and puts the last known good release back when it goes bad',
    )
    .exitOverride()
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true });
  for (const entry of entries) add(root, entry);
  root.addHelpText(
    'after',
    '\nExit codes: 0 ok, 1 failure, 2 usage or configuration, 3 not found, 4 rolled back or needs attention, 5 unavailable, 6 refused by the gate, 124 timeout, 130 interrupted',
  );
  return root;
}

function add(root: Command, entry: Entry): void {
  const command = root
    .command(entry.usage)
    .description(entry.description)
    .option('--json', 'machine-readable output on stdout')
    .option('--environment <environment>', 'environment of the product', 'production')
    .option('--data <folder>', 'data folder (default: $ORCHESTRATOR_DATA or ./.orchestrator)')
    .option('--api <url>', 'address of the API (default: $ORCHESTRATOR_API or what the data folder says)')
    .option(
      '--config <file>',
      'configuration file (default: $ROLLBACK_CONFIG, ./rollback-config.yml, .claude/advanced-features/rollback-config.yml)',
    )
    .addHelpText('after', `\nExample:\n  ${entry.example}`);
  for (const [flags, description, fallback] of entry.options ?? [])
    command.option(flags, description, fallback);
  command.action(async (...given: unknown[]) => {
    const options = command.opts<CommonOptions>();
    const args = given.slice(0, -2).filter((arg): arg is string => typeof arg === 'string');
    const action = await entry.load();
    await action(args, options as never);
  });
}

function report(error: unknown, json: boolean): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.ok : exitCode.usage;
  const { code, message } = explain(error);
  process.stderr.write(json ? `${JSON.stringify({ error: message })}\n` : `orchestrator: ${message}\n`);
  return code;
}

function explain(error: unknown): { code: number; message: string } {
  if (error instanceof CommandFailure) return { code: error.code, message: error.message };
  if (error instanceof RollbackApiError) {
    const codes: Record<number, number> = {
      0: exitCode.unavailable,
      400: exitCode.usage,
      404: exitCode.notFound,
      503: exitCode.unavailable,
    };
    return { code: codes[error.status] ?? exitCode.failure, message: error.message };
  }
  if (error instanceof Error && error.name === 'ConfigError')
    return { code: exitCode.usage, message: error.message };
  return { code: exitCode.failure, message: error instanceof Error ? error.message : String(error) };
}
