import { ApplicationFailure, Context } from '@temporalio/activity';
import type { Tick } from '../adapters/store/watches.ts';
import type { FiringAlert } from '../domain/alerts.ts';
import { type Edge, ownConditions, type Reported } from '../domain/conditions.ts';
import type { DeploymentOrigin, ServiceRelease } from '../domain/deployment.ts';
import { isTimeToLearn, withNewHabits } from '../domain/detection/learn.ts';
import type { Trigger } from '../domain/detection/verdict.ts';
import type { DeploymentKey, ProductKey } from '../domain/identity.ts';
import { activePause, type ProductRow, standingVeto, vetoSentence } from '../domain/product-row.ts';
import type { RollbackPlan } from '../domain/rollback.ts';
import { type AttemptPlan, nextTick, planAttempt, tickGrid } from '../domain/tick-grid.ts';
import { clockTime } from '../domain/timeline.ts';
import { evidenceOf, type VetoEvidence, vetoWaitMs, worseThan } from '../domain/veto.ts';
import { advanceWatch, type WatchState, type WatchStep, watchedEnough } from '../domain/watch.ts';
import type { Dependencies, ProductSetup } from './dependencies.ts';
import { lookAtWayBack } from './keep-way-back.ts';
import { learnFromSources } from './learn-from-source.ts';
import { learnAgainFromStore, newestPeers } from './learn-habits.ts';
import { lookAt, strangersIn } from './look-at.ts';
import { openWatch } from './open-watch.ts';
import { readRollbackPlan } from './rollback-plan.ts';
import { serviceSetup } from './service-setup.ts';
import { messageOf, within } from './within.ts';

export interface WatchInput {
  readonly key: DeploymentKey;
  readonly services: readonly ServiceRelease[];
  readonly origin: DeploymentOrigin;
  readonly deployedAtMs: number;
  readonly segmentEndMs: number;
  readonly reported: Reported;
  /** The deployment's watch is over: what is found is told and recorded, never acted on. */
  readonly standby?: boolean;
  /** A rollback is decided and waits for a veto: whatever got worse since, or holds it back, is said at once. */
  readonly waiting?: VetoEvidence;
}

/** Why an automatic rollback may not follow a breach, or `null` when it may. */
export type Obstacle = string | null;

export type WatchResult =
  | {
      readonly kind: 'segment_end';
      readonly sentence: string;
      readonly regularTicks: number;
      readonly observedTicks: number;
      readonly goodMs: number;
      /** Whether so much was observed that `healthy` may be said, with the reason. */
      readonly enough: { readonly enough: boolean; readonly reason: string };
      readonly plan: RollbackPlan | null;
    }
  | {
      readonly kind: 'edges';
      readonly edges: readonly Edge[];
      readonly triggers: readonly Trigger[];
      readonly obstacle: Obstacle;
      readonly policyVersion: number;
      readonly atMs: number;
      readonly plan: RollbackPlan | null;
      /** Where a rollback may follow that waits for a veto first. */
      readonly veto?: { readonly waitMs: number; readonly evidence: VetoEvidence };
      /** What got worse while a rollback waited for a veto. */
      readonly worse?: string;
    };

const storePatienceMs = 2_000;
/** The first check reads days of history, once. */
const openingPatienceMs = 10_000;

export function createWatchActivities(dependencies: Dependencies) {
  return {
    /**
     * One attempt takes one sample and judges it. It returns when the workflow must know something or the segment is over,
     * else it fails benignly with the delay to the next tick: between polls nothing is held, attempts leave no
     * history, and the failure's text is the live view in the Temporal UI.
     */
    async watch(input: WatchInput): Promise<WatchResult> {
      const { info } = Context.current();
      const failures = typeof info.heartbeatDetails === 'number' ? info.heartbeatDetails : 0;
      try {
        const result = await attempt(dependencies, input, info.currentAttemptScheduledTimestampMs);
        if (failures > 0) Context.current().heartbeat(0);
        if ('retryAfterMs' in result) throw pollAgain(result.sentence, result.retryAfterMs);
        return result;
      } catch (error) {
        if (error instanceof ApplicationFailure || Context.current().cancellationSignal.aborted) throw error;
        return await unexpected(dependencies, input, error, failures + 1);
      }
    },
  };
}

interface PollAgain {
  readonly sentence: string;
  readonly retryAfterMs: number;
}

async function attempt(
  dependencies: Dependencies,
  input: WatchInput,
  scheduledMs: number,
): Promise<WatchResult | PollAgain> {
  const startedMs = await dependencies.clock.now();
  const setup = await dependencies.catalog.setup(input.key);
  const { monitoring } = setup.policy;
  const known = await loadState(dependencies, input, setup);
  if (known instanceof Error) return withoutStore(dependencies, input, setup, known);
  const grid = tickGrid(input.key.deployment, input.deployedAtMs, monitoring);
  const plan = planAttempt(grid, {
    scheduledMs,
    nowMs: startedMs,
    lastTickMs: known.state.lastTickMs,
    segmentEndMs: input.segmentEndMs,
    suspect: known.state.suspect,
  });
  if (known.supersededBy !== null && input.reported.superseded === undefined) {
    return supersededEdge(known.supersededBy, setup, startedMs);
  }
  if (plan.kind === 'segment_end') return segmentEnd(dependencies, known.state, setup, input);
  if (plan.kind === 'wait') {
    const sentence = `waiting for the check at ${clockTime(plan.untilMs)}`;
    return { sentence, retryAfterMs: plan.untilMs - (await dependencies.clock.now()) };
  }
  const opened = await learnFromSources(dependencies.store, input, setup, known.state);
  const learned = plan.regular ? await goOnLearning(dependencies, input, setup, opened) : opened;
  const step = await takeSample(dependencies, input, setup, { ...known, state: learned }, plan);
  // A breach that could not be written is a breach all the same; anything else waits for the store.
  if (step.storeProblem !== null && step.triggers.length === 0)
    return withoutStore(dependencies, input, setup, step.storeProblem);
  const waiting = whileWaiting(input, setup, known.obstacle, step);
  if (step.edges.length > 0 || waiting !== null) {
    return {
      kind: 'edges',
      edges: step.edges,
      triggers: step.triggers,
      obstacle: known.obstacle,
      policyVersion: setup.policyVersion,
      atMs: step.state.lastAtMs ?? startedMs,
      // A breach waits for nothing: the rollback reads the way back itself.
      plan: step.triggers.length > 0 ? null : await wayBack(dependencies, setup, input),
      ...vetoOf(setup, step),
      ...waiting,
    };
  }
  const nextMs = nextTick(grid, step.state.lastTickMs ?? startedMs, step.state.suspect);
  if (nextMs > input.segmentEndMs) return segmentEnd(dependencies, step.state, setup, input);
  const elapsedMs = (await dependencies.clock.now()) - startedMs;
  return {
    sentence: `${step.sentence}; next check ${clockTime(nextMs)}`,
    retryAfterMs: nextMs - Math.max(scheduledMs, plan.gap ? startedMs : scheduledMs) - elapsedMs,
  };
}

/** What ends the wait for a veto, `null`: nothing. */
function whileWaiting(
  { waiting }: WatchInput,
  { policy }: ProductSetup,
  obstacle: Obstacle,
  step: WatchStep,
): { worse?: string } | null {
  if (waiting === undefined) return null;
  if (obstacle !== null) return {};
  const worse = worseThan(waiting, step, policy.monitoring.minimumRequests);
  return worse === null ? null : { worse };
}

function vetoOf({ policy }: ProductSetup, { state, triggers }: WatchStep) {
  const waitMs = vetoWaitMs(triggers, policy);
  return waitMs === 0 ? {} : { veto: { waitMs, evidence: evidenceOf(state, triggers) } };
}

/** A service without a day of history learns from its own watch. What cannot be learned now is learned in an hour. */
async function goOnLearning(
  { store, clock }: Dependencies,
  { key, deployedAtMs }: WatchInput,
  { policy, neighbours = [] }: ProductSetup,
  state: WatchState,
): Promise<WatchState> {
  const nowMs = await clock.now();
  const watch = { policy, deployedAtMs, nowMs };
  const services = state.services.map(async (service) => {
    if (!isTimeToLearn(service, deployedAtMs, nowMs)) return service;
    const label = service.calibration?.habits.label ?? 'the hours before';
    const learning = { ...key, service: service.service, label, neighbours };
    const calibration = await learnAgainFromStore(store, learning, service.calibration, watch);
    return { ...service, judge: withNewHabits(service.judge), calibration, learnedAtMs: nowMs };
  });
  try {
    return { ...state, services: await within(storePatienceMs, 'the store', () => Promise.all(services)) };
  } catch {
    // Not at each check again: it is the store's patience that ends.
    const tried = state.services.map((service) =>
      isTimeToLearn(service, deployedAtMs, nowMs) ? { ...service, learnedAtMs: nowMs } : service,
    );
    return { ...state, services: tried };
  }
}

interface Known {
  readonly state: WatchState;
  readonly obstacle: Obstacle;
  /** The deployment that is current instead of ours. */
  readonly supersededBy: string | null;
}

/** What the store knows, or the error that it did not answer with: being without the store is a kind of blindness. */
async function loadState(
  dependencies: Dependencies,
  input: WatchInput,
  setup: ProductSetup,
): Promise<Known | Error> {
  try {
    const stored = await within(storePatienceMs, 'the store', () =>
      dependencies.store.watches.read(input.key),
    );
    const opening = { ...input, neighbours: setup.neighbours ?? [] };
    const state =
      stored ??
      (await within(openingPatienceMs, 'the store', () =>
        openWatch(dependencies.store, opening, setup.policy),
      ));
    return await within(storePatienceMs, 'the store', async () => {
      const row = await dependencies.store.products.read(input.key);
      const nowMs = await dependencies.clock.now();
      return {
        state,
        obstacle: obstacleOf(input, setup, row, nowMs),
        supersededBy: row.currentDeployment === input.key.deployment ? null : row.currentDeployment,
      };
    });
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** Why an automatic rollback may not follow, by what the store and the policy say now. */
export function obstacleOf(
  { origin, standby = false, key }: Pick<WatchInput, 'origin' | 'standby' | 'key'>,
  setup: ProductSetup,
  row: ProductRow,
  nowMs: number,
): Obstacle {
  if (standby) return 'the watch of this deployment is over';
  if (origin === 'rollback')
    return 'this release was restored by a rollback; there is no rollback of a rollback';
  if (!setup.policy.enabled)
    return `automatic rollback is switched off (enabled: false, policy version ${setup.policyVersion})`;
  if (setup.policy.mode === 'observe') return `mode is observe (policy version ${setup.policyVersion})`;
  const pause = activePause(row, nowMs);
  if (pause !== null) return `automatic rollback is paused by ${pause.by}`;
  const veto = standingVeto(row, key.deployment);
  return veto === null ? null : vetoSentence(veto);
}

/** The newest way back travels to the monitor, so that a rollback without the store knows it; `null` when it is not known now. */
async function wayBack(
  { store }: Dependencies,
  setup: ProductSetup,
  input: WatchInput,
): Promise<RollbackPlan | null> {
  return within(storePatienceMs, 'the store', () => readRollbackPlan(store, setup, input)).catch(() => null);
}

/** What one check found, and why it could not be written if so. */
type Taken = WatchStep & { readonly storeProblem: Error | null };

async function takeSample(
  dependencies: Dependencies,
  input: WatchInput,
  setup: ProductSetup,
  known: Known,
  plan: Extract<AttemptPlan, { kind: 'measure' }>,
): Promise<Taken> {
  const signal = Context.current().cancellationSignal;
  const looking = input.services.map(({ service, release }) => {
    const watch = known.state.services.find((entry) => entry.service === service);
    const cursor = plan.gap ? null : (watch?.cursor ?? null);
    return lookAt(serviceSetup(setup, service), { key: input.key, release, cursor, signal });
  });
  const readiness = plan.regular ? lookAtWayBack(dependencies, input, setup, known.state) : null;
  const looks = await Promise.all(looking);
  const wayBackSeen = await readiness;
  const atMs = await dependencies.clock.now();
  const [peers, alerts] = await Promise.all([
    peersOf(dependencies, setup, atMs),
    alertsOf(dependencies, input.key, atMs),
  ]);
  const step = advanceWatch(
    known.state,
    {
      tickMs: plan.tickMs,
      regular: plan.regular,
      gap: plan.gap,
      atMs,
      services: looks.map(({ observation }) => ({
        ...observation,
        peers,
        alerts: alerts.filter(({ service }) => service === null || service === observation.service),
      })),
      unexpected: strangersIn(looks, input.services),
      ...(wayBackSeen === null ? {} : { readiness: wayBackSeen }),
    },
    {
      policy: setup.policy,
      deployedAtMs: input.deployedAtMs,
      mayAct: known.obstacle === null,
      reported: input.reported,
    },
  );
  const blind = looks.filter(({ observation }) => observation.measured.kind === 'blind');
  const ticks = step.samples.map(({ service, ...sample }): Tick => {
    const isBlind = blind.some(({ observation }) => observation.service === service);
    return { service, kind: plan.gap ? 'gap' : isBlind ? 'blind' : 'sample', sample };
  });
  const storeProblem = await within(storePatienceMs, 'the store', async () => {
    await dependencies.store.watches.record(input.key, step.state, ticks);
    if (plan.regular) await dependencies.store.deployments.setGood(input.key, step.state.goodMs);
    return null;
  }).catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))));
  return { ...step, storeProblem };
}

/** A neighbour is looked at by its own monitor; its newest check is at most two intervals old. */
async function peersOf({ store }: Dependencies, setup: ProductSetup, atMs: number) {
  const { neighbours = [], policy } = setup;
  const range = { sinceMs: atMs - 2 * policy.monitoring.checkIntervalMs, untilMs: atMs };
  return within(storePatienceMs, 'the store', () => newestPeers(store, neighbours, range, policy)).catch(
    () => null,
  );
}

/** Alert managers repeat what fires, by default every four hours; one that was not heard of for longer than a day may be gone. */
const alertsForgottenMs = 25 * 3_600_000;

async function alertsOf({ store }: Dependencies, key: ProductKey, atMs: number): Promise<FiringAlert[]> {
  return within(storePatienceMs, 'the store', () => store.alerts.firing(key, atMs - alertsForgottenMs)).catch(
    () => [],
  );
}

async function segmentEnd(
  dependencies: Dependencies,
  state: WatchState,
  setup: ProductSetup,
  input: WatchInput,
): Promise<WatchResult> {
  const { checkIntervalMs } = setup.policy.monitoring;
  const expected = Math.floor((input.segmentEndMs - input.deployedAtMs) / checkIntervalMs);
  return {
    kind: 'segment_end',
    sentence: `${state.observedTicks} of ${state.regularTicks} checks observed, good for ${Math.round(state.goodMs / 60_000)} min`,
    regularTicks: state.regularTicks,
    observedTicks: state.observedTicks,
    goodMs: state.goodMs,
    enough: watchedEnough(state, expected, setup.policy, input.segmentEndMs),
    plan: await wayBack(dependencies, setup, input),
  };
}

/** The registering side tells the older monitor too; this is for the message that was lost. */
function supersededEdge(by: string, setup: ProductSetup, atMs: number): WatchResult {
  const edge: Edge = {
    condition: {
      key: 'superseded',
      kind: 'superseded',
      service: null,
      reason: `superseded by ${by}`,
      severity: 'info',
      sinceMs: atMs,
      clearTicks: 0,
    },
    change: 'began',
    mayAct: false,
  };
  return {
    kind: 'edges',
    edges: [edge],
    triggers: [],
    obstacle: null,
    policyVersion: setup.policyVersion,
    atMs,
    plan: null,
  };
}

function blindEdge(key: string, change: Edge['change'], reason: string, atMs: number): Edge {
  return {
    condition: {
      key,
      kind: 'blind',
      service: null,
      reason,
      severity: 'warning',
      sinceMs: atMs,
      clearTicks: 0,
    },
    change,
    mayAct: false,
  };
}

async function withoutStore(
  dependencies: Dependencies,
  input: WatchInput,
  setup: ProductSetup,
  error: Error,
): Promise<WatchResult | PollAgain> {
  return blindAttempt(
    dependencies,
    input,
    ownConditions.store,
    `the store does not answer: ${error.message}`,
    setup,
  );
}

/** An attempt that failed in a way nobody foresaw: the third in a row is blindness, never a failed monitor. */
async function unexpected(
  dependencies: Dependencies,
  input: WatchInput,
  error: unknown,
  failures: number,
): Promise<WatchResult> {
  const sentence = `check failed ${failures} times in a row: ${messageOf(error)}`;
  Context.current().heartbeat(failures);
  if (failures < 3) throw pollAgain(sentence, 1_000);
  const result = await blindAttempt(dependencies, input, ownConditions.internal, sentence, null);
  if ('retryAfterMs' in result) throw pollAgain(result.sentence, result.retryAfterMs);
  return result;
}

async function blindAttempt(
  dependencies: Dependencies,
  input: WatchInput,
  key: string,
  reason: string,
  setup: ProductSetup | null,
): Promise<WatchResult | PollAgain> {
  const atMs = await dependencies.clock.now();
  if (input.reported[key] === undefined) {
    const edges = [blindEdge(key, 'began', reason, atMs)];
    return {
      kind: 'edges',
      edges,
      triggers: [],
      obstacle: null,
      policyVersion: setup?.policyVersion ?? 0,
      atMs,
      plan: null,
    };
  }
  return { sentence: reason, retryAfterMs: setup?.policy.monitoring.checkIntervalMs ?? 5_000 };
}

/** Temporal's pattern for infrequent polling: benign, so that neither metrics nor logs call it a failure. */
function pollAgain(sentence: string, delayMs: number): ApplicationFailure {
  return ApplicationFailure.create({
    message: sentence.slice(0, 2_000),
    type: 'NextCheck',
    nextRetryDelay: Math.max(50, Math.round(delayMs)),
    category: 'BENIGN',
  });
}
