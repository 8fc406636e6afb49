import type { Case } from './judge.ts';
import { externalSentence } from './sentences.ts';
import { errorUnitMs } from './units.ts';
import type { Verdict } from './verdict.ts';
import { judgeDatabase as judgeDatabaseWindow } from './window/database.ts';

/** Soon after the deployment four checks in a row suffice, later six: pools blink for a minute or two by themselves. */
export const dbChecks = { soon: 4, later: 6, soonMinutes: 30 } as const;

/** More connection errors than allowed, and than twice the service's own worst, check after check. */
export function judgeDatabase(found: Case): Verdict {
  const { policy, state, nowMs, deployedAtMs, calibration } = found;
  const plain = judgeDatabaseWindow({ ...state.window, nowMs, context: found });
  if (plain.state !== 'breach') return plain;
  if (calibration === null) return plain;
  const at = (nowMs - deployedAtMs) / errorUnitMs(policy);
  const needed = at <= dbChecks.soonMinutes ? dbChecks.soon : dbChecks.later;
  const { dbRun, heldUntil, outside } = state.signals;
  if (at <= heldUntil.errors) {
    return { ...plain, state: 'external', reason: `${plain.reason}; ${externalSentence(outside.errors)}` };
  }
  const usual = calibration.habits.dbErrors;
  if (dbRun === 0 && usual !== null)
    return { ...plain, state: 'healthy', reason: `${plain.reason}; ${usual} before this release, too` };
  if (dbRun >= needed) return { ...plain, reason: `${plain.reason}, in ${dbRun} checks in a row` };
  return { ...plain, state: 'suspect', reason: `${plain.reason}; in ${dbRun} of ${needed} checks in a row` };
}
