import { ApplicationFailure, Context } from '@temporalio/activity';
import type { StepContext } from '../adapters/deploy-target/deploy-target.ts';
import type { ProductKey } from '../domain/identity.ts';
import { unexpectedRelease } from '../domain/live.ts';
import type { Move, StepResult } from '../domain/rollback.ts';
import type { Catalog } from './dependencies.ts';
import { look } from './look.ts';
import { messageOf, within } from './within.ts';

export interface StepInput {
  readonly key: ProductKey;
  readonly move: Move;
  /** Names rollback and attempt: a repeated step changes nothing twice. */
  readonly stepKey: string;
}

/** A step that hangs ends this much earlier than the server would end it: the server would have it begun again. */
const beforeTheServerMs = 500;

/** Acts only while nobody else has changed what is live; an attempt that wakes up late changes nothing. */
export async function compareThen(
  catalog: Catalog,
  input: StepInput,
  act: (step: StepContext) => Promise<string>,
): Promise<StepResult> {
  const { move } = input;
  const startedMs = performance.now();
  const live = await look(catalog, input.key, move.service);
  const stranger = unexpectedRelease(live, [move.from, move.to, ...move.replaceable]);
  if (stranger !== null) return { kind: 'changed_outside', reason: stranger };
  return { kind: 'done', detail: await actInTime(input, act, startedMs) };
}

/** Runs a step with its key, its heartbeats and its end, so that it is never at work when the server has it begun again. */
export async function actInTime(
  { stepKey }: Pick<StepInput, 'stepKey'>,
  act: (step: StepContext) => Promise<string>,
  startedMs = performance.now(),
): Promise<string> {
  const context = Context.current();
  const endMs = startedMs + context.info.startToCloseTimeoutMs - beforeTheServerMs;
  const late = new AbortController();
  const step: StepContext = {
    signal: AbortSignal.any([context.cancellationSignal, late.signal]),
    key: stepKey,
    heartbeat: (progress) => context.heartbeat(progress),
  };
  try {
    const leftMs = Math.max(0, Math.round(endMs - performance.now()));
    return await within(leftMs, 'the target', () => act(step));
  } catch (error) {
    if (context.cancellationSignal.aborted) throw error;
    late.abort(error);
    // A step that really failed, or hangs, consumes an attempt; only a lost worker is repeated by Temporal.
    throw ApplicationFailure.nonRetryable(messageOf(error), 'StepFailed');
  }
}
