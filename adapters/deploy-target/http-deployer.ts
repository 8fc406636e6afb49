import type { LiveService } from '../../domain/live.ts';
import type { ReadinessCheck } from '../../domain/readiness.ts';
import { webhookKey } from '../notify/webhook.ts';
import type { DeployTarget, StepContext } from './deploy-target.ts';
import { type AcceptedJob, createDeployer, type Deployer, PassingFault } from './http-deployer/deployer.ts';
import { liveByName, parseLive } from './live-schema.ts';
import { pause } from './pause.ts';

const defaultTimeoutMs = 10_000;
const defaultPollMs = 2_000;
/** Tries of one message; the deployer knows a repeated one by its key. */
const tries = 3;

export interface HttpDeployerOptions {
  /** What stands before /live, /restorable, /restore and /restart. */
  readonly url: string;
  /** Signs what makes the deployer act: `whsec_` and 24 to 64 bytes in base64, as Standard Webhooks has it. */
  readonly secret: string;
  /** Sent as a bearer token with everything. */
  readonly bearerToken?: string;
  /** For one answer; default 10,000 milliseconds. Work that takes longer is answered by 202. */
  readonly timeoutMs?: number;
  /** Between two looks at work that goes on, and before a message is sent again; default 2,000 milliseconds. */
  readonly pollMs?: number;
}

/** A deploy service of the team's own, over HTTP: docs/deployers.md is the protocol. */
export function createHttpDeployerTarget(options: HttpDeployerOptions): DeployTarget {
  const { timeoutMs = defaultTimeoutMs, pollMs = defaultPollMs, bearerToken } = options;
  const key = webhookKey(options.secret);
  const deployer = createDeployer({ url: options.url, key, bearerToken, timeoutMs });

  return {
    async live(service, signal) {
      refuseName('service', service);
      return liveFrom(deployer, service, await deployer.ask('live', { service }, signal));
    },
    async restorable(service, release, signal, recipe) {
      refuseName('service', service);
      refuseName('release', release);
      const answer = await deployer.ask('restorable', { service, release, ...known(recipe) }, signal);
      const { restorable, reason } = (answer ?? {}) as Record<string, unknown>;
      if (typeof restorable !== 'boolean' || typeof reason !== 'string')
        throw new Error(
          `${deployer.place('restorable')} answered without restorable (true or false) and reason (text)`,
        );
      return { restorable, reason: deployer.words(reason) };
    },
    async restore(service, release, step) {
      refuseName('service', service);
      refuseName('release', release);
      await act(deployer, 'restore', { service, release, ...known(step.recipe) }, { step, pollMs });
    },
    async restart(service, step) {
      refuseName('service', service);
      await act(deployer, 'restart', { service }, { step, pollMs });
    },
    checks: (service, signal) => checksAt(deployer, service, signal),
  };
}

type Names = Readonly<Record<string, string>>;

const known = (recipe: string | null | undefined): Names => (recipe == null ? {} : { recipe });

/** Whatever the deployer hands it to must not take it for an option. */
function refuseName(name: string, value: string): void {
  if (value === '' || value.startsWith('-') || /\p{Cc}/u.test(value) || value.length > 255)
    throw new Error(`${name} ${JSON.stringify(value)} cannot be given to a deployer`);
}

function liveFrom(deployer: Deployer, service: string, answer: unknown): LiveService {
  if (typeof answer === 'string' && answer !== '') return liveByName(service, answer);
  try {
    return parseLive(answer);
  } catch (error) {
    throw new Error(`${deployer.place('live')} answered JSON that is ${(error as Error).message}`);
  }
}

interface Acting {
  readonly step: StepContext;
  readonly pollMs: number;
}

async function act(deployer: Deployer, action: string, names: Names, acting: Acting): Promise<void> {
  const { step } = acting;
  step.signal.throwIfAborted();
  step.heartbeat(`asking ${deployer.place(action)}`);
  const job = await tellUntilHeard(deployer, action, names, acting);
  if (job === null) return step.heartbeat(`${deployer.place(action)} answered that it is done`);
  await untilDone(deployer, action, job, acting);
}

/** A deployer that is just being exchanged, or whose answer got lost, is told again: the key says that it is the same message. */
async function tellUntilHeard(
  deployer: Deployer,
  action: string,
  names: Names,
  { step, pollMs }: Acting,
): Promise<AcceptedJob | null> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await deployer.tell(action, { ...names, key: step.key }, step.signal);
    } catch (error) {
      if (!(error instanceof PassingFault) || attempt === tries) throw error;
      step.heartbeat(`${error.message}; told again`);
      await pause(Math.max(pollMs * attempt, error.retryAfterMs ?? 0), step.signal);
    }
  }
}

async function untilDone(
  deployer: Deployer,
  action: string,
  job: AcceptedJob,
  { step, pollMs }: Acting,
): Promise<void> {
  step.heartbeat(job.detail ?? `${deployer.place(action)} has begun`);
  for (;;) {
    await pause(pollMs, step.signal);
    try {
      const { status, detail } = await deployer.look(job, step.signal);
      if (status === 'failed')
        throw new Error(`${deployer.place(action)} failed: ${detail ?? 'the deployer gave no detail'}`);
      step.heartbeat(detail ?? `${deployer.place(action)}: ${status}`);
      if (status === 'succeeded') return;
    } catch (error) {
      // The work goes on while nobody can look at it; the step's time limit ends the waiting.
      if (!(error instanceof PassingFault)) throw error;
      step.heartbeat(`the work cannot be seen: ${error.message}`);
      await pause(error.retryAfterMs ?? 0, step.signal);
    }
  }
}

/** A wrong secret would be found only when something must be restored; a signed question finds it before. */
async function checksAt(deployer: Deployer, service: string, signal: AbortSignal): Promise<ReadinessCheck[]> {
  const name = 'the deployer accepts the signature';
  try {
    const answer = await deployer.check(service, signal);
    if (answer === null)
      return [{ name, ok: true, detail: `not proven: ${deployer.place('check')} does not exist` }];
    return [{ name, ok: true, detail: `${deployer.place('check')} accepted it` }, ...ownChecks(answer)];
  } catch (error) {
    return [{ name, ok: false, detail: (error as Error).message }];
  }
}

function ownChecks(answer: unknown): ReadinessCheck[] {
  const { checks } = (answer ?? {}) as { readonly checks?: unknown };
  if (!Array.isArray(checks)) return [];
  return checks.flatMap((entry: Partial<ReadinessCheck> | null) =>
    typeof entry?.name === 'string' && typeof entry.ok === 'boolean'
      ? [{ name: `deployer: ${entry.name}`, ok: entry.ok, detail: String(entry.detail ?? '') }]
      : [],
  );
}
