import { condition } from '@temporalio/workflow';
import { shortDuration } from '../domain/detection/verdict.ts';
import { type DeploymentKey, monitorWorkflowId } from '../domain/identity.ts';
import type { MonitoringPolicy } from '../domain/policy.ts';
import { questions } from './activities.ts';
import type { Teller } from './teller.ts';

type BlindLimits = Pick<MonitoringPolicy, 'blindAlertMs' | 'blindEscalateMs' | 'checkIntervalMs'>;

interface Blindness {
  readonly reason: string;
  readonly sinceMs: number;
}

/** A source that is blind on and off so often is told as blind. */
const asksAtMost = 10;

/** Blind 3 minutes: alert. Blind 15: everyone. Blind never rolls back. */
export function createBlindLadder(
  key: DeploymentKey,
  teller: Teller,
  carried: Readonly<Record<string, number>>,
) {
  const standing = new Map<string, Blindness>();
  /** What people were told of, and hear the end of; also what an earlier run may have told. */
  const told = new Set<string>(Object.keys(carried));
  const threadOf = (name: string) => `${monitorWorkflowId(key)}/${name}`;
  for (const [name, sinceMs] of Object.entries(carried)) standing.set(name, { reason: name, sinceMs });
  let settings: BlindLimits = { blindAlertMs: 180_000, blindEscalateMs: 900_000, checkIntervalMs: 60_000 };

  async function climb(name: string, blindness: Blindness): Promise<void> {
    const rungs = [
      { afterMs: settings.blindAlertMs, whom: 'owner', severity: 'warning' as const },
      { afterMs: settings.blindEscalateMs, whom: 'everyone', severity: 'critical' as const },
    ];
    for (const { afterMs, whom, severity } of rungs) {
      // A little after the check that may end it, not at the same moment.
      const waitMs = Math.max(0, blindness.sinceMs + afterMs + settings.checkIntervalMs / 20 - Date.now());
      const over = () => standing.get(name) !== blindness;
      if (await condition(over, waitMs)) return;
      // A condition stands on for three good checks: one bad scrape, seen well since, must wake nobody.
      for (let asked = 0; asked < asksAtMost && !(await isBlindNow(name)); asked += 1)
        if (await condition(over, settings.checkIntervalMs)) return;
      if (over()) return;
      const text = `Blind for ${shortDuration(wholeChecks(Date.now() - blindness.sinceMs))}: ${blindness.reason}. Nothing is rolled back for want of data.`;
      told.add(name);
      teller.tell(whom, {
        severity,
        event: 'blind',
        thread: threadOf(name),
        title: 'Monitoring is blind',
        text,
      });
    }
  }

  function ended(name: string): void {
    standing.delete(name);
    if (!told.delete(name)) return;
    teller.follow({
      severity: 'info',
      event: 'sees_again',
      thread: threadOf(name),
      title: 'Monitoring is blind no more',
      text: `${name} has ended.`,
    });
  }

  /** People count in checks, not in the moment that this wakes. */
  function wholeChecks(ms: number): number {
    return Math.round(ms / settings.checkIntervalMs) * settings.checkIntervalMs;
  }

  /** Where the store does not say, it is. */
  async function isBlindNow(name: string): Promise<boolean> {
    return questions.isBlind(key, name, 2 * settings.checkIntervalMs).catch(() => true);
  }

  return {
    use(next: BlindLimits): void {
      settings = next;
      for (const [name, blindness] of standing) void climb(name, blindness).catch(() => undefined);
    },
    began(name: string, reason: string, sinceMs: number): void {
      if (standing.has(name)) return;
      const blindness = { reason, sinceMs };
      standing.set(name, blindness);
      void climb(name, blindness).catch(() => undefined);
    },
    ended,
    /** The watch is over: nobody waits for sight any more. */
    close(): void {
      for (const name of [...standing.keys()]) ended(name);
    },
    since(): Record<string, number> {
      return Object.fromEntries([...standing].map(([name, blindness]) => [name, blindness.sinceMs]));
    },
  };
}

export type BlindLadder = ReturnType<typeof createBlindLadder>;
