import type { Trigger } from './detection/verdict.ts';
import type { Policy } from './policy.ts';
import type { Sample } from './sample.ts';
import type { WatchState } from './watch.ts';

/** What was known when the wait began; worse than that ends it. */
export interface VetoEvidence {
  readonly triggers: readonly Trigger[];
  /** Service → share of failed requests (0..1). */
  readonly errorShares: Readonly<Record<string, number>>;
}

/** So much worse than when the wait began is a reason not to wait on. */
const worseFactor = 2;
/** Standard deviations of a Poisson count: errors of seconds are few. */
const certainty = 4;

/**
 * How long a rollback for these triggers waits for a veto, milliseconds; 0: not at all. The most impatient trigger decides, and a
 * service whose health checks fail is down: nobody waits for that.
 */
export function vetoWaitMs(triggers: readonly Trigger[], { rollback }: Policy): number {
  if (triggers.length === 0 || triggers.some(({ type }) => type === 'health_check')) return 0;
  return Math.min(...triggers.map(({ severity }) => rollback.vetoMs[severity]));
}

/** What is known now, for later checks to be compared with. */
export function evidenceOf(state: WatchState, triggers: readonly Trigger[]): VetoEvidence {
  const shares = state.services.map(({ service, judge: { window } }): [string, number] => {
    const samples = window.partial === null ? window.regular : [...window.regular, window.partial];
    // The worst minute, not the window: a window still fills, and would look worse with each check of a steady sickness.
    return [service, Math.max(0, ...samples.map(({ errors, requests }) => shareOf(errors, requests)))];
  });
  return { triggers, errorShares: Object.fromEntries(shares) };
}

/** The sentence that says what got worse since the wait began, or `null`. */
export function worseThan(
  began: VetoEvidence,
  now: {
    readonly triggers: readonly Trigger[];
    readonly samples: readonly (Sample & { readonly service: string })[];
  },
  minimumRequests: number,
): string | null {
  const isNew = ({ type, service }: Trigger) =>
    !began.triggers.some((known) => known.type === type && known.service === service);
  const further = now.triggers.find(isNew);
  if (further !== undefined) return further.reason;
  for (const { service, requests, errors } of now.samples) {
    const before = began.errorShares[service] ?? 0;
    const expected = worseFactor * before * requests;
    if (requests < minimumRequests || errors <= expected + certainty * Math.sqrt(expected + 1)) continue;
    return `${percent(shareOf(errors, requests))} of ${requests} requests failed in the newest check, ${percent(before)} when the wait began`;
  }
  return null;
}

function shareOf(errors: number, requests: number): number {
  return requests === 0 ? 0 : errors / requests;
}

function percent(share: number): string {
  return `${Math.round(share * 1000) / 10} %`;
}
