import type { AuditEntry, AuditRecords } from '../../adapters/store/audit.ts';
import { may, type Principal, refusalOf } from '../../domain/access.ts';
import type { ProductKey } from '../../domain/identity.ts';
import type { MessageAction } from '../../domain/message.ts';
import type { Commands } from './commands.ts';

export interface Order {
  readonly action: MessageAction;
  readonly key: ProductKey;
  readonly reason: string;
  /** `null`: last known good. */
  readonly to: string | null;
  /** What the pressed message is about; absent: whatever is live. */
  readonly deployment?: string | undefined;
  /** The same press or line, delivered twice, counts once. */
  readonly requestId: string;
}

/** `refused`: this person may not; `failed`: it was tried, and could not be done. */
export interface Obeyed {
  readonly kind: 'done' | 'refused' | 'failed';
  readonly text: string;
}

const pauseMs = 3_600_000;

export interface Obeying {
  readonly commands: Commands;
  /** Every order, done or refused, is written down. */
  readonly audit: Pick<AuditRecords, 'append'>;
  /** What could not be done beside, one sentence. */
  onTrouble(sentence: string): void;
}

/** Does what somebody ordered, if they may; the answer is a sentence for the thread. Never throws. */
export async function obey(order: Order, principal: Principal, obeying: Obeying): Promise<Obeyed> {
  const obeyed = await tried(order, principal, obeying.commands);
  // Beside: a store that is down must not keep anybody from rolling back.
  obeying.audit
    .append(entryOf(order, principal, obeyed))
    .catch((error: unknown) => obeying.onTrouble(`the audit trail was not written: ${String(error)}`));
  return obeyed;
}

async function tried(order: Order, principal: Principal, commands: Commands): Promise<Obeyed> {
  const { action, key } = order;
  if (!may(principal, 'act', key.product))
    return { kind: 'refused', text: `Not done: ${refusalOf(principal, 'act', key.product)}.` };
  const who = `${principal.name}: ${action.replaceAll('_', ' ')}`;
  try {
    const { accepted, reason } = await run(order, principal.name, commands);
    return accepted
      ? { kind: 'done', text: `${who} accepted: ${reason}` }
      : { kind: 'failed', text: `${who} refused: ${reason}` };
  } catch (error) {
    return {
      kind: 'failed',
      text: `${who} failed: ${error instanceof Error ? error.message : String(error)}`,
    };
  }
}

const statuses = { done: 200, refused: 403, failed: 409 } as const;

function entryOf({ action, key, reason }: Order, { name, kind }: Principal, obeyed: Obeyed): AuditEntry {
  return {
    ...key,
    atMs: Date.now(),
    who: name,
    kind,
    from: 'Slack',
    call: `Slack ${action}`,
    why: reason === '' ? null : reason.slice(0, 2_000),
    status: statuses[obeyed.kind],
    answer: obeyed.text.slice(0, 2_000),
  };
}

interface Answered {
  readonly accepted: boolean;
  readonly reason: string;
}

async function run(
  { action, key, reason, to, requestId, deployment }: Order,
  by: string,
  commands: Commands,
): Promise<Answered> {
  switch (action) {
    case 'rollback':
      return commands.rollBack(key, { by, reason, to, requestId, deployment });
    case 'pause': {
      const untilMs = Date.now() + pauseMs;
      await commands.pause(key, { by, reason, untilMs });
      const until = new Date(untilMs).toISOString().slice(11, 16);
      return { accepted: true, reason: `automatic rollback of ${key.product} is paused until ${until} UTC` };
    }
    case 'resume':
      await commands.resume(key, by);
      return { accepted: true, reason: `automatic rollback of ${key.product} is resumed` };
    case 'acknowledge':
      return commands.command(key, 'acknowledge', { by, requestId, deployment });
    case 'retry':
      return commands.command(key, 'retry', { by, to, requestId, deployment });
    case 'resume_traffic':
      return commands.command(key, 'traffic', { by, state: 'resume', requestId, deployment });
    case 'resolve':
      return commands.command(key, 'resolve', { by, note: reason, requestId, deployment });
    case 'veto':
      return commands.veto(key, { by, reason, requestId, deployment });
  }
}
