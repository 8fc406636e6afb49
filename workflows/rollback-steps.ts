import { condition } from '@temporalio/workflow';
import { releaseNames, type ServiceRelease } from '../domain/deployment.ts';
import type {
  HealthResult,
  Move,
  RollbackSettings,
  StepResult,
  TargetChoice,
  VerificationResult,
} from '../domain/rollback.ts';
import type { WatchState } from '../domain/watch.ts';
import { acting, awaitingHealth, steering, verifying } from './activities.ts';
import { alertTitle } from './escalate.ts';
import type { IncidentDraft } from './incident-draft.ts';
import type { Journal } from './journal.ts';
import type { RollbackCarry, RollbackInput, Trouble } from './messages.ts';
import type { Presence } from './presence.ts';
import type { Newcomer, RollbackInbox } from './rollback-inbox.ts';
import type { Teller } from './teller.ts';

/** How a round of steps ended. */
export type StepsEnd =
  | { readonly kind: 'rolled_back'; readonly confirmed: boolean; readonly reason: string }
  | { readonly kind: 'superseded'; readonly reason: string; readonly newcomer: Newcomer | null }
  | { readonly kind: 'changed_outside'; readonly reason: string }
  /** People ended it with things as they are. */
  | { readonly kind: 'left'; readonly reason: string }
  | { readonly kind: 'trouble'; readonly trouble: Trouble };

export interface StepTools {
  readonly journal: Journal;
  readonly presence: Presence;
  readonly teller: Teller;
  readonly inbox: RollbackInbox;
  readonly draft: IncidentDraft;
}

type AttemptEnd =
  | { readonly kind: 'healthy' }
  | { readonly kind: 'failed'; readonly reason: string }
  | StepsEnd;

/** The steps of a rollback: stop traffic, restore, restart, wait until healthy, check, resume, verify. */
export function createRollbackSteps(input: RollbackInput, settings: RollbackSettings, tools: StepTools) {
  const { journal, presence, teller, inbox, draft } = tools;
  const services = input.services.map((entry) => entry.service).reverse();
  let moves: readonly Move[] = [];
  let trafficStopped = false;
  let restored = false;
  let refusedNewcomer: string | null = null;
  let round = 0;

  return {
    rollBackTo,
    letTakeOver,
    othersAreLive,
    steerTraffic,
    describe,
    targetQueue: settings.targetQueue,
    resume(carry: RollbackCarry): void {
      moves = carry.moves;
      trafficStopped = carry.trafficStopped;
      restored = carry.restored;
    },
    trafficStopped: () => trafficStopped,
    restored: () => restored,
    refusedNewcomer: () => refusedNewcomer,
  };

  async function rollBackTo(chosen: readonly Move[]): Promise<StepsEnd> {
    moves = chosen;
    round += 1;
    const early = interruption();
    if (early !== null) return early;
    await stopTraffic(`rolling back ${releaseNames(input.services)}: ${input.request.reason}`);
    const end = await attempts();
    if (end.kind !== 'healthy') return end.kind === 'failed' ? exhausted(end.reason) : end;
    return interruption() ?? (await takeBackIntoTraffic());
  }

  async function stopTraffic(reason: string): Promise<void> {
    presence.enter('stopping_traffic');
    trafficStopped = true;
    try {
      const detail = await steering(settings.targetQueue, 'maintenance mode on').stopTraffic(
        input.key,
        services,
        reason,
      );
      if (draft.incident.trafficStoppedAtMs === null) draft.save({ trafficStoppedAtMs: Date.now() });
      journal.note('traffic', detail);
    } catch (error) {
      // Users are better served by a restored release that they reach than by waiting for a traffic control.
      const text = `Traffic could not be stopped (${causeOf(error)}); restoring anyway`;
      journal.note('failed', text);
      teller.tell('owner', {
        severity: 'critical',
        title: alertTitle(input.key, 'Traffic could not be stopped'),
        text,
      });
    }
  }

  async function attempts(): Promise<AttemptEnd> {
    const { maxAttempts, retryBackoffMs } = settings.rollback;
    const reasons: string[] = [];
    for (let attempt = 1; attempt <= maxAttempts; attempt += 1) {
      draft.save({ attempts: draft.incident.attempts + 1 });
      const end = await oneAttempt(`${draft.incident.id}/${round}/${attempt}`);
      if (end.kind !== 'failed') return end;
      reasons.push(end.reason);
      journal.note('failed', `Attempt ${attempt} of ${maxAttempts} failed: ${end.reason}`);
      const stop = interruption();
      if (stop !== null) return stop;
      if (attempt < maxAttempts) {
        await condition(() => interruption() !== null, retryBackoffMs * 2 ** (attempt - 1));
      }
    }
    return { kind: 'failed', reason: reasons.at(-1) ?? 'no attempt was made' };
  }

  /** Restore to healthy: what an attempt is. */
  async function oneAttempt(stepKey: string): Promise<AttemptEnd> {
    const { stepTimeoutMs, healthCheckTimeoutMs } = settings.rollback;
    const target = moves
      .map((move) => (moves.length > 1 ? `${move.service} ${move.to}` : move.to))
      .join(', ');
    for (const step of ['restore', 'restart'] as const) {
      presence.enter(step === 'restore' ? 'restoring' : 'restarting');
      for (const move of moves) {
        const result = await attemptStep(() =>
          acting(settings.targetQueue, stepTimeoutMs, `${step} ${move.service} ${move.to}`)[step]({
            key: input.key,
            move,
            stepKey,
          }),
        );
        if (result.kind === 'failed')
          return { kind: 'failed', reason: `${step} of ${move.service} ${move.to}: ${result.reason}` };
        if (result.kind === 'changed_outside') return othersAreLive(result);
      }
      journal.note(
        'step',
        step === 'restore'
          ? `Rollback to ${target} (${moves[0]?.reason ?? 'last known good'})`
          : 'Services restarted',
      );
      const stop = interruption();
      if (stop !== null) return stop;
    }
    presence.enter('waiting_healthy');
    const health = await attemptStep(() =>
      awaitingHealth(
        settings.targetQueue,
        healthCheckTimeoutMs,
        `wait until ${target} is healthy`,
      ).waitHealthy(
        input.key,
        moves.map(({ service, to }) => ({ service, to })),
        healthCheckTimeoutMs,
      ),
    );
    if (health.kind === 'changed_outside') return othersAreLive(health);
    if (health.kind !== 'healthy') return { kind: 'failed', reason: health.reason };
    restored = true;
    journal.note('step', health.detail);
    return { kind: 'healthy' };
  }

  /** Checks before traffic, resume, verify under traffic. */
  async function takeBackIntoTraffic(): Promise<StepsEnd> {
    presence.enter('checking');
    const before = await acting(settings.targetQueue, 60_000, 'checks before traffic')
      .checkBeforeTraffic(input.key, [...moves])
      .catch((error) => ({
        healthy: true,
        blind: true,
        reason: `blind before traffic (${causeOf(error)}), health probes alone decide`,
      }));
    journal.note(before.healthy ? 'verified' : 'failed', before.reason);
    if (!before.healthy) {
      return systemic(
        `the restored release is sick before it gets any traffic: ${before.reason}`,
        'maintenance stays',
      );
    }
    const stop = interruption();
    if (stop !== null) return stop;
    const interrupted = await resumeTraffic(moves);
    if (interrupted !== null) return interrupted;
    journal.note('alert', 'Owner notified: "Rollback successful"');
    teller.tell('owner', {
      severity: 'info',
      title: 'Rollback successful',
      text: `${releaseNames(restoredServices())} serves again since maintenance ended. ${before.reason}. Verifying under traffic for at most ${settings.rollback.verifyMs / 60_000} min.`,
    });
    return verify();
  }

  async function verify(): Promise<StepsEnd> {
    presence.enter('verifying');
    const verification = await verifyUnderTraffic();
    if ('trouble' in verification || verification.kind === 'left' || verification.kind === 'superseded')
      return verification;
    if (verification.kind !== 'sick') {
      const confirmed = verification.kind === 'good';
      journal.note('verified', `${confirmed ? 'Metrics: normal' : 'Metrics'}: ${verification.reason}`);
      return { kind: 'rolled_back', confirmed, reason: `verified under traffic: ${verification.reason}` };
    }
    journal.note('failed', `Still sick under traffic: ${verification.reason}`);
    if (verification.healthFailing) {
      await stopTraffic('the restored release fails its health checks');
      return systemic(
        `the restored release fails its health checks under traffic: ${verification.reason}`,
        'maintenance is on again',
      );
    }
    return systemic(
      `the restored release is sick under traffic: ${verification.reason}`,
      'traffic stays on it',
    );
  }

  /** Looks until the evidence suffices or the time is over. */
  async function verifyUnderTraffic(): Promise<
    VerificationResult | Extract<StepsEnd, { kind: 'trouble' | 'left' | 'superseded' }>
  > {
    const sinceMs = Date.now();
    let state: WatchState | null = null;
    for (;;) {
      const look = await attemptStep(() =>
        verifying(settings.targetQueue).verifyUnderTraffic({ key: input.key, moves, sinceMs }, state),
      );
      if ('kind' in look) return { kind: 'unconfirmed', reason: `not yet confirmed: ${look.reason}` };
      if (look.result !== null) return look.result;
      state = look.state;
      await condition(() => interruption() !== null, look.nextLookMs);
      const stop = interruption();
      if (stop !== null && stop.kind !== 'rolled_back' && stop.kind !== 'changed_outside') return stop;
    }
  }

  function systemic(reason: string, state: string): StepsEnd {
    const trouble: Trouble = {
      title: alertTitle(input.key, 'CRITICAL: systemic issue, the previous release is unhealthy too'),
      reason: `${reason}; so the release was probably not the cause; ${state}`,
      systemic: true,
    };
    return { kind: 'trouble', trouble };
  }

  function exhausted(reason: string): StepsEnd {
    const trouble: Trouble = {
      title: alertTitle(
        input.key,
        `CRITICAL: rollback failed after ${settings.rollback.maxAttempts} attempts`,
      ),
      reason: `${reason}; maintenance stays`,
      systemic: false,
    };
    return { kind: 'trouble', trouble };
  }

  /** Tried every 30 s until it works; people are asked meanwhile. */
  async function resumeTraffic(
    releases: readonly { service: string; to: string }[],
  ): Promise<StepsEnd | null> {
    presence.enter('resuming');
    const wanted = releases.map(({ service, to }) => ({ service, to }));
    for (let failures = 0; ; failures += 1) {
      try {
        const detail = await steering(settings.targetQueue, 'maintenance mode off').resumeTraffic(
          input.key,
          wanted,
        );
        trafficStopped = false;
        draft.save({ trafficResumedAtMs: Date.now() });
        journal.note('traffic', detail);
        return null;
      } catch (error) {
        const text = `Traffic could not be resumed: ${causeOf(error)}; trying again every 30 s`;
        if (failures % 10 === 0) {
          journal.note('failed', text);
          teller.tell(failures === 0 ? 'owner' : 'everyone', {
            severity: 'critical',
            title: alertTitle(input.key, 'CRITICAL: traffic could not be resumed'),
            text,
          });
        }
        await condition(() => interruption() !== null, '30s');
        const stop = interruption();
        if (stop !== null) return stop;
      }
    }
  }

  /** What makes a rollback stop after its current step. */
  function interruption(): StepsEnd | null {
    if (inbox.direct !== null)
      return { kind: 'superseded', reason: `${inbox.direct} rolls back by hand`, newcomer: null };
    if (inbox.aborted !== null) {
      const reason = `aborted by ${inbox.aborted}; ${trafficStopped ? 'maintenance stays' : 'traffic was not touched'}`;
      if (!trafficStopped) return { kind: 'left', reason };
      return {
        kind: 'trouble',
        trouble: { title: alertTitle(input.key, 'Rollback aborted in maintenance'), reason, systemic: false },
      };
    }
    if (inbox.newcomer !== null && !trafficStopped && !restored) {
      return {
        kind: 'superseded',
        reason: `superseded by ${inbox.newcomer.deployment}`,
        newcomer: inbox.newcomer,
      };
    }
    if (inbox.newcomer !== null && presence.phase !== 'taking_over') {
      const trouble: Trouble = {
        title: '',
        reason: `${inbox.newcomer.deployment} was deployed`,
        systemic: false,
      };
      return { kind: 'trouble', trouble };
    }
    return null;
  }

  /** Somebody else's release is live after traffic was stopped: whoever waits takes over, else people decide. */
  async function othersAreLive(
    found: Pick<Extract<TargetChoice | StepResult, { kind: 'changed_outside' }>, 'reason' | 'live'>,
  ): Promise<StepsEnd> {
    inbox.newcomer ??= { deployment: '', services: found.live };
    return letTakeOver({
      title: alertTitle(input.key, 'Somebody else changed what is live'),
      reason: found.reason,
      systemic: false,
    });
  }

  /** How a hotfix ends an incident: the newcomer's health is verified, then it gets the traffic. */
  async function letTakeOver(trouble: Trouble): Promise<StepsEnd> {
    const newcomer = inbox.newcomer as Newcomer;
    presence.enter('taking_over');
    const name =
      newcomer.deployment === '' ? `what is live (${releaseNames(newcomer.services)})` : newcomer.deployment;
    const wanted = newcomer.services.map(({ service, release }) => ({ service, to: release }));
    const health: HealthResult = await awaitingHealth(
      settings.targetQueue,
      settings.rollback.healthCheckTimeoutMs,
      `is ${name} healthy?`,
    )
      .waitHealthy(input.key, wanted, settings.rollback.healthCheckTimeoutMs)
      .catch((error): HealthResult => ({ kind: 'unhealthy', reason: causeOf(error) }));
    if (health.kind === 'healthy') {
      const stop = await resumeTraffic(wanted);
      if (stop !== null && stop.kind !== 'trouble') return stop;
      journal.note('decision', `${name} is healthy and takes over`);
      return {
        kind: 'superseded',
        reason: `${name} took over`,
        newcomer: newcomer.deployment === '' ? null : newcomer,
      };
    }
    refusedNewcomer = newcomer.deployment;
    inbox.newcomer = null;
    const reason = `${name} was deployed but is not healthy: ${health.reason}; maintenance stays`;
    journal.note('failed', reason);
    return {
      kind: 'trouble',
      trouble: {
        ...trouble,
        title: trouble.title || alertTitle(input.key, 'The new deployment is sick too'),
        reason,
      },
    };
  }

  /** A person's word about traffic, in an escalation. */
  async function steerTraffic(state: 'resume' | 'stop', by: string): Promise<void> {
    if (state === 'stop') return stopTraffic(`stopped by ${by}`);
    const releases = restored
      ? moves
      : input.services.map(({ service, release }) => ({ service, to: release }));
    try {
      const detail = await steering(settings.targetQueue, 'maintenance mode off').resumeTraffic(
        input.key,
        releases.map(({ service, to }) => ({ service, to })),
      );
      trafficStopped = false;
      draft.save({ trafficResumedAtMs: Date.now() });
      journal.note('traffic', `${detail} (by ${by})`);
    } catch (error) {
      journal.note('failed', `Traffic could not be resumed for ${by}: ${causeOf(error)}`);
    }
  }

  async function describe(): Promise<string> {
    const state = await steering(settings.targetQueue, 'what is live, and traffic')
      .describeState(input.key, services)
      .catch((error) => `live release and traffic state unknown: ${causeOf(error)}`);
    const done = restored
      ? `${releaseNames(restoredServices())} was restored and was healthy`
      : `${draft.incident.attempts} attempts to restore an older release`;
    return `Done so far: ${done}. Now: ${state}.`;
  }

  function restoredServices(): ServiceRelease[] {
    return moves.map((move) => ({ service: move.service, release: move.to })).reverse();
  }
}

export type RollbackSteps = ReturnType<typeof createRollbackSteps>;

type Failed = { readonly kind: 'failed'; readonly reason: string };

async function attemptStep<Result>(step: () => Promise<Result>): Promise<Result | Failed> {
  try {
    return await step();
  } catch (error) {
    return { kind: 'failed', reason: causeOf(error) };
  }
}

/** What really went wrong: Temporal wraps the activity's error. */
export function causeOf(error: unknown): string {
  if (error instanceof Error && error.cause instanceof Error) return causeOf(error.cause);
  return error instanceof Error ? error.message : String(error);
}
