import type { Scores } from './scores.ts';
import { align } from './table.ts';
import { checkTargets, type Measured, type Target, type TargetResult } from './targets.ts';

/** The section of targets that closes the bench's output. */
export function writeTargets(results: readonly TargetResult[]): string {
  const broken = results.filter(({ isFloorBroken }) => isFloorBroken);
  return [
    '',
    '## Targets, ours',
    '',
    ...align([
      ['', 'target', 'measured', '', 'floor'],
      ...results.map((result) => [...rowOf(result), sayFloor(result)]),
    ]),
    '',
    broken.length === 0
      ? 'No floor is broken.'
      : `Broken floors: ${broken.map(({ target }) => target.what).join('; ')}`,
  ].join('\n');
}

/** Head and rows of the published table. */
export function targetRows(scores: Scores): string[][] {
  return [['', 'target', 'measured', ''], ...checkTargets(scores).map(rowOf)];
}

function rowOf({ target, measured, verdict }: TargetResult): string[] {
  return [target.what, sayTarget(target, target.target), sayMeasured(target, measured), verdict];
}

function sayTarget({ wanted, unit }: Target, value: number): string {
  return `${wanted === 'at most' ? '≤' : '≥'} ${value}${unit === '' ? '' : ` ${unit}`}`;
}

function sayMeasured({ wanted, unit }: Target, measured: Measured | null): string {
  if (measured === null) return '–';
  const { value, low, high } = measured;
  if (!Number.isFinite(value)) return 'never';
  const digits = unit === '' && wanted === 'at least' ? 3 : 2;
  const short = (number: number) => String(Number(number.toFixed(digits)));
  return low === high ? short(value) : `${short(value)} (${short(low)} to ${short(high)})`;
}

function sayFloor({ target, isFloorBroken }: TargetResult): string {
  if (target.floor === null) return '';
  return `${sayTarget({ ...target, unit: '' }, target.floor)}${isFloorBroken ? ' BROKEN' : ''}`;
}
