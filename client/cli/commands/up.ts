import { writeFile } from 'node:fs/promises';
import { type Logger, pino } from 'pino';
import { shortDuration } from '../../../domain/detection/verdict.ts';
import type { Redactor } from '../../../domain/redaction.ts';
import { connectTemporal, type Temporal } from '../../../worker/connect-temporal.ts';
import { freePort } from '../../../worker/free-port.ts';
import { installRuntime } from '../../../worker/runtime.ts';
import { type RunningWorker, startWorker } from '../../../worker/start-worker.ts';
import { createSweep, type Sweep, startSweeping } from '../../../worker/sweep.ts';
import { type RunningApi, readOrMakeToken, serveApi } from '../../api/serve.ts';
import { createSlackApp } from '../../slack/slack-app.ts';
import { startSlackApp } from '../../slack/start-slack-app.ts';
import { createViews } from '../../slack/views.ts';
import { apiFile, type CommonOptions, tokenFile } from '../context.ts';
import { CommandFailure, exitCode } from '../exit-codes.ts';
import { openSystem, reloadOnChange, type System } from '../system.ts';

interface Options extends CommonOptions {
  readonly port: string;
  readonly uiPort: string;
  readonly temporalPort: string;
  readonly metricsPort: string;
  readonly only?: string;
  readonly group?: string;
  readonly host: string;
}

/** Runs API and workers in this process, over the embedded Temporal server or the configured one, until it is told to stop. */
export async function up(_args: string[], options: Options): Promise<void> {
  const roles = rolesOf(options);
  const logger = pino({ level: process.env.LOG_LEVEL ?? 'warn' }, process.stderr);
  const sdkMetricsPort = await freePort();
  installRuntime(logger, sdkMetricsPort);
  const system = await openSystem(options, roles.api ? 'publish' : 'follow');
  // Whatever is said from here on, by us or by a library, holds no secret.
  for (const stream of [process.stdout, process.stderr]) redactStream(stream, system.redactor);
  for (const warning of system.warnings) say(`warning: ${warning}`);
  const temporal = await connectTemporal({
    dataFolder: system.folder,
    port: port(options.temporalPort, '--temporal-port'),
    uiPort: port(options.uiPort, '--ui-port'),
    say,
  });
  const temporalUi = temporal.uiUrl === null ? null : `${temporal.uiUrl}/namespaces/${temporal.namespace}`;
  const sweep = createSweep({
    ...system,
    ...temporal,
    temporalUi,
    watchdogUrl: () => system.catalog.watchdogUrl(),
  });
  const api = roles.api ? await runApi(system, temporal, { temporalUi, sweep, logger }, options) : null;
  const stopSlack =
    api?.slack == null ? async () => undefined : await startSlackApp(api.slack, slackOptions(system, logger));
  const worker = roles.worker
    ? await startWorker({
        ...temporal,
        ...system,
        logger,
        temporalUi,
        sweep,
        metrics: {
          host: options.host,
          port: await freePort(port(options.metricsPort, '--metrics-port')),
          sdkMetricsPort,
        },
        ...(options.group === undefined ? {} : { group: options.group }),
      })
    : null;
  // Both API and central workers: where every worker is gone, the API still tells people.
  const stopSweeping = options.group === undefined ? startSweeping(sweep, logger) : () => undefined;
  const stopReloading = roles.api ? reloadOnChange(system, logger) : () => undefined;
  await announce(system, temporal, temporalUi, api, worker);
  await untilToldToStop(worker);
  say('stopping; monitors go on when it is started again');
  stopSweeping();
  stopReloading();
  await stopSlack();
  await api?.close();
  await worker?.stop();
  await temporal.close();
  await system.close();
}

function rolesOf({ only, group }: Options): { api: boolean; worker: boolean } {
  if (only !== undefined && only !== 'api' && only !== 'worker') {
    throw new CommandFailure(exitCode.usage, `--only ${JSON.stringify(only)}: allowed are api and worker`);
  }
  return { api: only !== 'worker' && group === undefined, worker: only !== 'api' };
}

async function runApi(
  system: System,
  temporal: Temporal,
  { temporalUi, sweep, logger }: { temporalUi: string | null; sweep: Sweep; logger: Logger },
  options: Options,
): Promise<RunningApi> {
  return serveApi({
    ...temporal,
    ...system,
    temporalUi,
    access: () => system.catalog.access(),
    gitHubHook: () => system.catalog.gitHubHook(),
    slack: (commands) => createSlackApp({ ...slackOptions(system, logger), commands }),
    token: await readOrMakeToken(tokenFile(system.folder)),
    host: options.host,
    port: port(options.port, '--port'),
    problems: async () =>
      (await sweep.staleWatches()).map(
        (watch) =>
          `nobody has looked at ${watch.deployment} of ${watch.product} for ${shortDuration(watch.silentMs)}`,
      ),
  });
}

/** One process is enough; where several listen, Slack spreads what people do over them. */
/** Over its own connection and over HTTP it is one app: what comes both ways is taken once. */
function slackOptions({ catalog, store }: System, logger: Logger) {
  return {
    settings: () => catalog.slackApp(),
    audit: store.audit,
    views: createViews(store, catalog),
    onTrouble: (sentence: string) => logger.warn(sentence),
  };
}

async function announce(
  system: System,
  temporal: Temporal,
  temporalUi: string | null,
  api: RunningApi | null,
  worker: RunningWorker | null,
): Promise<void> {
  const products = await system.catalog.products();
  say(
    `products: ${products.map((key) => key.product).join(', ') || 'none yet (add products: to the configuration)'}`,
  );
  if (temporalUi !== null) say(`Temporal UI: ${temporalUi}`);
  if (worker !== null) say(`metrics: http://127.0.0.1:${worker.metricsPort}/metrics`);
  if (api === null) return;
  say(
    `page and API: ${api.url} ("orchestrator open" prints a link that signs you in; token in ${tokenFile(system.folder)})`,
  );
  if (!/^(127\.|localhost$|::1$)/.test(new URL(api.url).hostname.replace(/[[\]]/g, '')))
    say('warning: the API speaks plain HTTP beyond this machine: put a proxy with TLS before it');
  const place = {
    url: api.url,
    temporalUi,
    temporalAddress: temporal.address,
    metrics: worker === null ? null : `http://127.0.0.1:${worker.metricsPort}/metrics`,
    pid: process.pid,
  };
  await writeFile(apiFile(system.folder), `${JSON.stringify(place, null, 2)}\n`, { mode: 0o600 });
  say('ready');
}

async function untilToldToStop(worker: RunningWorker | null): Promise<void> {
  const told = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  await Promise.race([told, ...(worker === null ? [] : [worker.ended])]);
}

function port(text: string, flag: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value < 65_536) return value;
  throw new CommandFailure(
    exitCode.usage,
    `${flag} ${JSON.stringify(text)}: allowed is a port from 0 to 65535`,
  );
}

function redactStream(stream: NodeJS.WriteStream, redactor: Redactor): void {
  const write = stream.write.bind(stream) as (chunk: unknown, ...rest: unknown[]) => boolean;
  stream.write = ((chunk: unknown, ...rest: unknown[]) =>
    write(typeof chunk === 'string' ? redactor.text(chunk) : chunk, ...rest)) as typeof stream.write;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
