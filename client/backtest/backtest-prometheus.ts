import type { ProductSetup } from '../../activities/dependencies.ts';
import type { ReadHistory } from '../../activities/learn-habits.ts';
import { HistoryUnreadable, historyReader } from '../../adapters/metrics/read-history.ts';
import type { Deployment } from '../../domain/deployment.ts';
import type { ProductKey } from '../../domain/identity.ts';
import type { Incident } from '../../domain/incident.ts';
import type { Policy } from '../../domain/policy.ts';
import type { Sample } from '../../domain/sample.ts';
import { CommandFailure, exitCode } from '../cli/exit-codes.ts';
import { openSystem, type System } from '../cli/system.ts';
import { timeOf } from '../cli/time-of.ts';
import { isWanted, productsOf } from './backtest-installation.ts';
import { type BacktestOptions, daysOf, policiesOf } from './backtest-options.ts';
import { drawCase, reportCases } from './case-report.ts';
import { policyIn } from './named-policy.ts';
import { sourceReplays } from './source-cases.ts';
import { backtestDeployment, type Replayed, type StoreCase } from './store-cases.ts';

/** Deployments of one product, by what its Prometheus still has of them: also of before this installation was there. */
export async function backtestPrometheus(
  product: string | undefined,
  options: BacktestOptions,
): Promise<void> {
  if (product === undefined)
    throw new CommandFailure(exitCode.usage, '--prometheus needs a product: orchestrator backtest PRODUCT');
  const asked = timesOf(options);
  const system = await openSystem(options, 'own');
  try {
    const policies = await policiesOf(options, policyIn(system.config.file, system.config.data));
    const [key] = (await productsOf(system, product, options)) as [ProductKey];
    const setup = await system.catalog.setup(key);
    const past = await pastOf(system, setup, asked);
    const wanted = past.filter(({ deployment }) => isWanted(deployment.deployment, options));
    if (wanted.length === 0) throw new CommandFailure(exitCode.notFound, nothingToJudge(asked, options));
    const cases: StoreCase[] = [];
    const pictures: string[] = [];
    for (const replayed of wanted) {
      const found = await backtestDeployment(replayed, policies);
      cases.push(found);
      pictures.push(...(await drawCase(found, policies[0], options, (policy) => replayed.replaysBy(policy))));
    }
    reportCases({ cases, policies, pictures }, options);
  } catch (error) {
    throw error instanceof HistoryUnreadable
      ? new CommandFailure(exitCode.unavailable, error.message)
      : error;
  } finally {
    await system.close();
  }
}

interface Times {
  readonly fromMs: number;
  readonly toMs: number;
  /** Oldest first; `null`: those in the store. */
  readonly deployedAtMs: readonly number[] | null;
}

function timesOf(options: BacktestOptions): Times {
  const time = (flag: string, text: string) => Date.parse(timeOf(flag, text));
  const toMs = options.to === undefined ? Date.now() : time('--to', options.to);
  const fromMs =
    options.from === undefined ? toMs - daysOf(options) * 24 * 3_600_000 : time('--from', options.from);
  if (fromMs >= toMs) throw new CommandFailure(exitCode.usage, '--from must be earlier than --to');
  const given = options.deployedAt?.map((text) => time('--deployed-at', text)) ?? null;
  const outside = given?.find((atMs) => atMs < fromMs || atMs >= toMs);
  if (outside !== undefined)
    throw new CommandFailure(
      exitCode.usage,
      `--deployed-at ${new Date(outside).toISOString()} is not between --from and --to`,
    );
  return { fromMs, toMs, deployedAtMs: given?.toSorted((a, b) => a - b) ?? null };
}

function nothingToJudge({ fromMs, toMs }: Times, options: BacktestOptions): string {
  if (options.case !== undefined) return `there is no deployment ${options.case} in that time`;
  const between = `between ${new Date(fromMs).toISOString()} and ${new Date(toMs).toISOString()}`;
  return `the store knows no deployment ${between}; say when there was one: --deployed-at`;
}

/** The deployments that are asked about, each with its way to be judged. */
async function pastOf({ store }: System, setup: ProductSetup, times: Times): Promise<Replayed[]> {
  const { deployments, incidents } = await knownOf(store, setup, times);
  const history = historiesOf(setup);
  const { neighbours = [] } = setup;
  return deployments
    .filter(({ origin, deployedAtMs: at }) => origin !== 'rollback' && at >= times.fromMs && at < times.toMs)
    .map((deployment) => {
      const next = deployments.find(({ deployedAtMs }) => deployedAtMs > deployment.deployedAtMs);
      const endMs = Math.min(next?.deployedAtMs ?? times.toMs, times.toMs);
      return {
        deployment,
        incident: incidents.find((entry) => entry.deployment === deployment.deployment) ?? null,
        replaysBy: (policy: Policy) =>
          sourceReplays(store, { deployment, endMs, neighbours, history }, policy),
      };
    });
}

const limit = 100_000;

/** Oldest first, with those that a rollback made: they end the time of the ones before. */
async function knownOf(
  store: System['store'],
  setup: ProductSetup,
  { fromMs, deployedAtMs }: Times,
): Promise<{ readonly deployments: readonly Deployment[]; readonly incidents: readonly Incident[] }> {
  if (deployedAtMs !== null)
    return { deployments: deployedAtMs.map((atMs) => nameless(setup, atMs)), incidents: [] };
  const { product, environment } = setup;
  const filter = { product, environment, sinceMs: fromMs, limit };
  const deployments = (await store.deployments.list(filter)).toSorted(
    (a, b) => a.deployedAtMs - b.deployedAtMs,
  );
  return { deployments, incidents: await store.incidents.list(filter) };
}

/** One of which nothing is known but its time. */
function nameless({ product, environment, services }: ProductSetup, deployedAtMs: number): Deployment {
  return {
    product,
    environment,
    deployment: new Date(deployedAtMs).toISOString(),
    services: services.map(({ service }) => ({ service, release: 'a release' })),
    origin: 'reported',
    status: 'ended',
    outcome: null,
    outcomeReason: null,
    deployedAtMs,
    endedAtMs: null,
    goodMs: 0,
  };
}

/** Policies and charts ask for the same times again. */
function historiesOf({ product, environment, services }: ProductSetup) {
  const answers = new Map<string, Promise<readonly Sample[]>>();
  const { signal } = new AbortController();
  return (service: string, stepMs: number): ReadHistory => {
    const metrics = services.find((entry) => entry.service === service)?.metrics;
    const read =
      metrics === undefined
        ? null
        : historyReader(metrics, { product, environment, service, stepMs, signal });
    if (read === null)
      throw new CommandFailure(
        exitCode.usage,
        `the metrics of ${product}/${service} cannot be asked about the past: allowed is kind: prometheus`,
      );
    return (range) => {
      const key = [service, stepMs, range.sinceMs, range.untilMs].join();
      const answer = answers.get(key) ?? read(range);
      answers.set(key, answer);
      return answer;
    };
  };
}
