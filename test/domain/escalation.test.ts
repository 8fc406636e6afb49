import { describe, expect, it } from 'vitest';
import { acknowledge, beginEscalation, nextNotice, noticeSent } from '../../domain/escalation.ts';
import { defaultPolicy, type EscalationPolicy } from '../../domain/policy.ts';
import { deployedAt, minute } from './builders.ts';

const policy = defaultPolicy.escalation;

/** Sends each notice when it is due; minutes since the beginning and who was told. */
function climb(
  count: number,
  ladder: EscalationPolicy = policy,
  acknowledgements: readonly number[] = [],
): string[] {
  let state = beginEscalation(deployedAt);
  const open = [...acknowledgements];
  const told: string[] = [];
  while (told.length < count) {
    const notice = nextNotice(state, ladder);
    const acknowledgedMs = deployedAt + (open[0] ?? Number.POSITIVE_INFINITY) * minute;
    if (acknowledgedMs < notice.atMs) {
      state = acknowledge(state, 'ana', acknowledgedMs, ladder);
      open.shift();
      continue;
    }
    told.push(`${notice.notify} at ${(notice.atMs - deployedAt) / minute}`);
    state = noticeSent(state, notice.atMs);
  }
  return told;
}

describe('the escalation ladder', () => {
  it('tells the owner at once, everyone after 5 minutes, then everyone every 15', () => {
    expect(climb(5)).toEqual([
      'owner at 0',
      'everyone at 5',
      'everyone at 20',
      'everyone at 35',
      'everyone at 50',
    ]);
  });

  it('is silent for 30 minutes after an acknowledgement, and climbs again', () => {
    expect(climb(4, policy, [1])).toEqual([
      'owner at 0',
      'everyone at 31',
      'everyone at 46',
      'everyone at 61',
    ]);
    expect(climb(4, policy, [6])).toEqual([
      'owner at 0',
      'everyone at 5',
      'everyone at 36',
      'everyone at 51',
    ]);
  });

  it('is silenced anew by each acknowledgement', () => {
    expect(climb(2, policy, [1, 20])).toEqual(['owner at 0', 'everyone at 50']);
  });

  it('remembers who acknowledged', () => {
    expect(acknowledge(beginEscalation(deployedAt), 'ana', deployedAt, policy)).toMatchObject({
      acknowledgedBy: 'ana',
      silentUntilMs: deployedAt + 30 * minute,
    });
  });

  it('follows the configured levels, and never sends a level before the one below it', () => {
    const levels = [
      { afterMs: 2 * minute, notify: 'owner' },
      { afterMs: 10 * minute, notify: 'pager' },
      { afterMs: 10 * minute, notify: 'everyone' },
    ];
    expect(climb(4, { ...policy, levels })).toEqual([
      'owner at 2',
      'pager at 10',
      'everyone at 10',
      'everyone at 25',
    ]);
    const late = noticeSent(noticeSent(beginEscalation(deployedAt), deployedAt), deployedAt + 60 * minute);
    expect(nextNotice(late, { ...policy, levels })).toEqual({
      atMs: deployedAt + 60 * minute,
      notify: 'everyone',
    });
  });

  it('without levels repeats from the beginning', () => {
    expect(climb(2, { ...policy, levels: [] })).toEqual(['everyone at 15', 'everyone at 30']);
  });
});
