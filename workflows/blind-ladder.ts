import { condition } from '@temporalio/workflow';
import { shortDuration } from '../domain/detection/verdict.ts';
import type { MonitoringPolicy } from '../domain/policy.ts';
import type { Teller } from './teller.ts';

type BlindLimits = Pick<MonitoringPolicy, 'blindAlertMs' | 'blindEscalateMs'>;

interface Blindness {
  readonly reason: string;
  readonly sinceMs: number;
}

/** Blind 3 minutes: alert. Blind 15: everyone. Blind never rolls back. */
export function createBlindLadder(teller: Teller, carried: Readonly<Record<string, number>>) {
  const standing = new Map<string, Blindness>();
  for (const [key, sinceMs] of Object.entries(carried)) standing.set(key, { reason: key, sinceMs });
  let settings: BlindLimits = { blindAlertMs: 180_000, blindEscalateMs: 900_000 };

  async function climb(key: string, blindness: Blindness): Promise<void> {
    const rungs = [
      { afterMs: settings.blindAlertMs, whom: 'owner', severity: 'warning' as const },
      { afterMs: settings.blindEscalateMs, whom: 'everyone', severity: 'critical' as const },
    ];
    for (const { afterMs, whom, severity } of rungs) {
      const waitMs = Math.max(0, blindness.sinceMs + afterMs - Date.now());
      if (await condition(() => standing.get(key) !== blindness, waitMs)) return;
      const text = `Blind for ${shortDuration(Date.now() - blindness.sinceMs)}: ${blindness.reason}. Nothing is rolled back for want of data.`;
      teller.tell(whom, { severity, title: 'Monitoring is blind', text });
    }
  }

  return {
    use(next: BlindLimits): void {
      settings = next;
      for (const [key, blindness] of standing) void climb(key, blindness).catch(() => undefined);
    },
    began(key: string, reason: string, sinceMs: number): void {
      if (standing.has(key)) return;
      const blindness = { reason, sinceMs };
      standing.set(key, blindness);
      void climb(key, blindness).catch(() => undefined);
    },
    ended(key: string): void {
      standing.delete(key);
    },
    since(): Record<string, number> {
      return Object.fromEntries([...standing].map(([key, blindness]) => [key, blindness.sinceMs]));
    },
  };
}
