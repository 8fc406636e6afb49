import type { Message, MessageAction } from '../../domain/message.ts';

/** What stands in a button, and comes back when it is pressed. */
export interface ButtonValue {
  readonly product: string;
  readonly environment: string;
  readonly title: string;
  /** What the message is about: a button must not act on what was deployed since. */
  readonly deployment?: string;
}

export const actionPrefix = 'orchestrator:';

interface Wording {
  readonly label: string;
  /** Asked before it is done. */
  readonly question: string;
  readonly style?: 'danger' | 'primary';
}

const wordings: Readonly<Record<MessageAction, Wording>> = {
  acknowledge: { label: 'Acknowledge', question: 'You take it on? Others are not called for a while.' },
  rollback: { label: 'Roll back', question: 'Put the last known good release back now?', style: 'danger' },
  pause: { label: 'Pause for 1 h', question: 'Hold automatic rollbacks back for an hour?' },
  resume: { label: 'Resume', question: 'Let automatic rollbacks act again?' },
  retry: { label: 'Try again', question: 'Try the rollback again, with new attempts?', style: 'danger' },
  resume_traffic: {
    label: 'Resume traffic',
    question: 'Let users reach the service as it is now?',
    style: 'danger',
  },
  resolve: { label: 'End escalation', question: 'End this escalation, with everything as it is?' },
  veto: { label: 'Do not roll back', question: 'Keep this rollback from beginning?', style: 'primary' },
};

/** The buttons of a message, none where there is nothing to do; each asks before it acts. */
export function buttonBlocks(
  { product, environment, title, about }: Message,
  actions: readonly MessageAction[] = [],
): unknown[] {
  if (actions.length === 0) return [];
  const value: ButtonValue = {
    product,
    environment,
    title: title.slice(0, 300),
    ...(about === undefined ? {} : { deployment: about.deployment }),
  };
  return [
    {
      type: 'actions',
      block_id: 'orchestrator',
      elements: actions.map((action) => ({
        type: 'button',
        action_id: `${actionPrefix}${action}`,
        text: { type: 'plain_text', text: wordings[action].label },
        value: JSON.stringify(value),
        ...(wordings[action].style === undefined ? {} : { style: wordings[action].style }),
        confirm: {
          title: { type: 'plain_text', text: `${wordings[action].label}?` },
          text: { type: 'plain_text', text: `${product}, ${environment}: ${wordings[action].question}` },
          confirm: { type: 'plain_text', text: wordings[action].label },
          deny: { type: 'plain_text', text: 'Cancel' },
        },
      })),
    },
  ];
}
