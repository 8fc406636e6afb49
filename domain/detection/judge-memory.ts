import type { Case } from './judge.ts';
import { leakForecast, leakHorizonHours, leakLimit } from './memory-trend.ts';
import { memoryFloorMs } from './units.ts';
import { shortDuration, shortNumber, type Verdict } from './verdict.ts';
import { judgeMemory as judgeMemoryWindow } from './window/memory.ts';

/** Above the threshold in three checks in a row, and above what the service always used; or a leak that will get there. */
export function judgeMemory(found: Case): Verdict {
  const { state, calibration, nowMs } = found;
  const plain = judgeMemoryWindow({ ...state.window, nowMs, context: found });
  if (plain.state === 'off') return plain;
  const habits = calibration?.habits.memory ?? null;
  if (plain.state === 'breach' || plain.state === 'suspect') {
    const asBefore = habits !== null && calibration !== null && state.signals.memory.above === 0;
    // A leak that was a breach below the threshold is one above it.
    if (!asBefore) return plain.state === 'breach' ? plain : (leak(found, plain) ?? plain);
    return {
      ...plain,
      state: 'healthy',
      reason: `${plain.reason}; it reached ${shortNumber(habits.highest)} % before this release, too`,
    };
  }
  return leak(found, plain) ?? plain;
}

function leak({ policy, state, calibration }: Case, plain: Verdict): Verdict | null {
  const habits = calibration?.habits.memory ?? null;
  const { thresholdPercent } = policy.triggers.memory;
  const hours = leakForecast(state.signals.memory, habits, thresholdPercent);
  if (hours === null || hours > leakHorizonHours) return null;
  const { floors } = state.signals.memory;
  const spanHours = (2 * memoryFloorMs(policy)) / 3_600_000;
  const growth = ((floors.at(-1) ?? 0) - (floors.at(-3) ?? 0)) / spanHours;
  const before =
    habits === null ? '' : `, never above ${shortNumber(habits.highestFloor)} % before this release`;
  return {
    ...plain,
    state: 'breach',
    reason: `memory leak: its lowest in ${shortDuration(memoryFloorMs(policy))} is ${shortNumber(floors.at(-1) ?? 0)} % of its limit${before}, growing by ${shortNumber(growth)} points an hour; ${shortNumber(leakLimit(habits, thresholdPercent))} % in ${shortNumber(hours * spanHours)} h`,
  };
}
