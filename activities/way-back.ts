import type { Store } from '../adapters/store/store.ts';
import type { ProductKey } from '../domain/identity.ts';
import type { Candidate } from '../domain/last-known-good.ts';
import type { ServicePlan } from '../domain/rollback.ts';
import type { ServiceSetup } from './dependencies.ts';
import { messageOf, within } from './within.ts';

const storePatienceMs = 2_000;

export interface WayBackQuestion {
  readonly reach: ServiceSetup;
  readonly plan: Pick<ServicePlan, 'service' | 'release'>;
  /** What may be put back, the first that works wins. */
  readonly candidates: readonly Candidate[];
  readonly recipeOf: (release: string) => Promise<string | null>;
  readonly signal: AbortSignal;
}

export type WayBack =
  | {
      readonly kind: 'found';
      readonly release: string;
      /** Why this release. */
      readonly reason: string;
      /** How it would be restored, as its target says, and what was passed over before it. */
      readonly notes: readonly string[];
    }
  | { readonly kind: 'none'; readonly passedOver: readonly string[] };

/** The first candidate that its target can restore and that can live with what the release before it left behind. */
export async function findWayBack(question: WayBackQuestion): Promise<WayBack> {
  const { reach, plan, candidates, signal } = question;
  const passedOver: string[] = [];
  for (const { release, reason } of candidates) {
    const recipe = await question.recipeOf(release);
    const answer = await reach.target.restorable(plan.service, release, signal, recipe);
    if (!answer.restorable) {
      passedOver.push(`${release}: not restorable, ${answer.reason}`);
      continue;
    }
    const fits = await compatible(question, release);
    if (fits.kind === 'not')
      passedOver.push(`${release}: not compatible with ${plan.release}, ${fits.reason}`);
    else {
      const notes = [answer.reason, ...(fits.reason === null ? [] : [fits.reason]), ...passedOver];
      return { kind: 'found', release, reason, notes };
    }
  }
  return { kind: 'none', passedOver };
}

/** A check that cannot be made does not keep a bad release in production; that it was not made is said. */
async function compatible(
  { reach: { compatibility }, plan, signal }: WayBackQuestion,
  to: string,
): Promise<{ readonly kind: 'is' | 'not'; readonly reason: string | null }> {
  // Which release comes next is not said: the gate was asked about the product alone.
  if (!compatibility || plan.release === '') return { kind: 'is', reason: null };
  try {
    const found = await compatibility.between(plan.service, { from: plan.release, to }, signal);
    return { kind: found.compatible ? 'is' : 'not', reason: found.reason };
  } catch (error) {
    signal.throwIfAborted();
    return { kind: 'is', reason: `compatibility not known: ${messageOf(error)}` };
  }
}

/** What was recorded of how a release is put there; without the store the target has to know it by itself. */
export function recordedRecipes(store: Store, key: ProductKey, service: string) {
  return (release: string): Promise<string | null> =>
    within(storePatienceMs, 'the store', () => store.wayBack.recipe(key, service, release)).catch(() => null);
}
