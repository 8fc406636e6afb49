import { randomUUID } from 'node:crypto';
import { goodReference } from '../../activities/open-watch.ts';
import { within } from '../../activities/within.ts';
import { ofProduct } from '../../adapters/store/deployments.ts';
import type { ServiceRelease } from '../../domain/deployment.ts';
import { releaseNames } from '../../domain/deployment.ts';
import { type GateAnswer, type GateFinding, type GateQuestion, gate } from '../../domain/gate.ts';
import type { Histogram } from '../../domain/histogram.ts';
import { type ProductKey, readinessWorkflowId } from '../../domain/identity.ts';
import { type PerformanceSample, performanceGate } from '../../domain/performance-gate.ts';
import type { Policy } from '../../domain/policy.ts';
import { controlQueue } from '../../domain/queues.ts';
import type { Readiness } from '../../domain/readiness.ts';
import type { checkReadiness } from '../../workflows/check-readiness.ts';
import { knownService, type Lookup } from './lookup.ts';
import type { OperationsOptions } from './operations.ts';

export interface GateRequest {
  /** What shall be deployed; empty: not said. */
  readonly services: readonly ServiceRelease[];
  /** Somebody answers for deploying all the same. */
  readonly override: { readonly by: string; readonly reason: string } | null;
  /** Samples of a test before production, by service. */
  readonly performance: Readonly<Record<string, readonly WrittenSample[]>> | null;
}

/** As a pipeline sends it. */
export interface WrittenSample {
  readonly seconds: number;
  readonly requests: number;
  readonly errors: number;
  readonly latency?: Histogram | undefined;
  readonly p95Ms?: number | undefined;
  readonly memoryPercent?: number | undefined;
  readonly dbConnectionErrors?: number | undefined;
}

export interface GateDecision extends GateAnswer {
  readonly overridden: boolean;
  readonly readiness: Readiness | null;
}

/** A worker that does not take it within this time would not roll back soon either. */
const readinessPatienceMs = 25_000;
const storePatienceMs = 4_000;

/** Before something is deployed: may it be, and would it come back? */
export function createGateOperations(
  { client, store }: OperationsOptions,
  { setupOf, noteForPeople }: Lookup,
) {
  return {
    async gate(key: ProductKey, { services, override, performance }: GateRequest): Promise<GateDecision> {
      const setup = await setupOf(key);
      for (const service of [...services.map((entry) => entry.service), ...Object.keys(performance ?? {})])
        knownService(setup, service);
      const [known, readiness] = await Promise.all([
        within(storePatienceMs, 'the store', async () => ({
          row: await store.products.read(key),
          standings: await store.releases.list(key),
          deployments: await store.deployments.list(ofProduct(key, 200)),
        })),
        askReadiness(key, services.length > 0 ? services : unnamed(setup), setup.targetQueue),
      ]);
      const { policy } = setup;
      const { product } = key;
      const isoTime = (ms: number) => new Date(ms).toISOString();
      const now = gate({ ...known, product, services, policy, readiness, atMs: Date.now(), isoTime });
      const answer = withFindings(now, await performanceFindings(performance ?? {}, known, policy));
      const overridden = !answer.open && override !== null;
      if (overridden) await recordOverride(key, services, answer, override);
      return {
        open: answer.open || overridden,
        overridden,
        findings: answer.findings,
        readiness: typeof readiness === 'string' ? null : readiness,
      };
    },
  };

  async function askReadiness(
    key: ProductKey,
    services: readonly ServiceRelease[],
    targetQueue: string,
  ): Promise<Readiness | string> {
    try {
      return await within(readinessPatienceMs, 'a worker', () =>
        client.workflow.execute<typeof checkReadiness>('checkReadiness', {
          workflowId: `${readinessWorkflowId(key)}/${randomUUID()}`,
          taskQueue: controlQueue,
          workflowExecutionTimeout: 2 * readinessPatienceMs,
          args: [{ key, services, targetQueue }],
        }),
      );
    } catch (error) {
      const cause = error instanceof Error ? (error.cause ?? error) : error;
      return cause instanceof Error ? cause.message : String(cause);
    }
  }

  /** Each service's samples against everything that its last known good release showed in production. */
  async function performanceFindings(
    performance: NonNullable<GateRequest['performance']>,
    { deployments, standings }: Pick<GateQuestion, 'deployments' | 'standings'>,
    policy: Policy,
  ): Promise<GateFinding[]> {
    const services = Object.entries(performance).map(async ([service, written]) => {
      const watched = { service, release: '', origin: 'reported' as const };
      const reference = await within(storePatienceMs, 'the store', () =>
        goodReference(store, watched, deployments, standings, policy),
      );
      return performanceGate(service, written.map(sampleOf), reference, policy);
    });
    return (await Promise.all(services)).flat();
  }

  async function recordOverride(
    key: ProductKey,
    services: readonly ServiceRelease[],
    { findings }: GateAnswer,
    { by, reason }: { readonly by: string; readonly reason: string },
  ): Promise<void> {
    const refusals = findings.filter(({ kind }) => kind === 'refused').map((finding) => finding.reason);
    const what = services.length === 0 ? 'a deployment' : releaseNames(services);
    await noteForPeople(
      key,
      `${by} opened the gate for ${what} (${reason}), against: ${refusals.join('; ')}`,
    );
  }
}

/** No release is called so: whatever is known may then be gone back to. */
function unnamed({
  services,
}: {
  readonly services: readonly { readonly service: string }[];
}): ServiceRelease[] {
  return services.map(({ service }) => ({ service, release: '' }));
}

function withFindings(answer: GateAnswer, more: readonly GateFinding[]): GateAnswer {
  const findings = [...answer.findings, ...more];
  return { open: findings.every(({ kind }) => kind !== 'refused'), findings };
}

function sampleOf(written: WrittenSample): PerformanceSample {
  return {
    durationMs: written.seconds * 1_000,
    requests: written.requests,
    errors: written.errors,
    latency: written.latency ?? null,
    latencyQuantileMs: written.p95Ms ?? null,
    memoryPercent: written.memoryPercent ?? null,
    dbConnectionErrors: written.dbConnectionErrors ?? null,
  };
}
