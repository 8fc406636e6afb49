import { html } from 'hono/html';
import { may, type Permission, type Principal } from '../../../domain/access.ts';
import type { ProductPhase } from '../../../domain/product-phase.ts';
import type { ProductNow } from '../../api/reading/now.ts';
import type { Markup } from '../layout.ts';

interface Field {
  readonly name: string;
  readonly label: string;
  readonly value?: string;
  readonly required?: boolean;
  readonly type?: 'text' | 'number' | 'textarea';
}

interface Action {
  readonly name: string;
  readonly label: string;
  /** What it does, said before it is done. */
  readonly explains: string;
  readonly confirm: string;
  readonly permission: Permission;
  readonly fields: readonly Field[];
  readonly danger?: boolean;
  /** Sent along as it is. */
  readonly fixed?: Readonly<Record<string, string>>;
  /** Whether it is about the product whatever is deployed; else about what the page shows, and refused for anything else. */
  readonly ofProduct?: true;
  when(now: ProductNow): boolean;
}

const steps: readonly ProductPhase[] = ['rolling_back', 'escalated'];
const reason: Field = { name: 'reason', label: 'Reason', required: true };
const note: Field = { name: 'note', label: 'Note' };

/** What people can do to a product, in the order in which they would want it. */
export const actions: readonly Action[] = [
  {
    name: 'acknowledge',
    label: 'Acknowledge',
    explains:
      'Tells the others that you are on it: nobody is called for a while. It climbs again while the trouble lasts.',
    confirm: 'Acknowledge',
    permission: 'act',
    fields: [note],
    when: ({ phase }) => phase === 'escalated',
  },
  {
    name: 'retry',
    label: 'Retry',
    explains: 'Begins the rollback anew, with new attempts.',
    confirm: 'Retry the rollback',
    permission: 'act',
    fields: [{ name: 'to', label: 'To this release (left empty: last known good)' }],
    danger: true,
    when: ({ phase }) => phase === 'escalated',
  },
  {
    name: 'traffic',
    label: 'Resume traffic',
    explains: 'Sends users to whatever runs now, as it is.',
    confirm: 'Resume traffic',
    permission: 'act',
    fields: [],
    fixed: { state: 'resume' },
    danger: true,
    when: ({ phase }) => phase === 'escalated',
  },
  {
    name: 'resolve',
    label: 'Resolve',
    explains: 'Ends the escalation. Traffic stays as it is.',
    confirm: 'Resolve',
    permission: 'act',
    fields: [note],
    when: ({ phase }) => phase === 'escalated',
  },
  {
    name: 'abort',
    label: 'Abort',
    explains:
      'Stops the rollback after its current step, and calls people: it never leaves a product in maintenance silently.',
    confirm: 'Abort the rollback',
    permission: 'act',
    fields: [],
    danger: true,
    when: ({ phase }) => phase === 'rolling_back',
  },
  {
    name: 'veto',
    label: 'Veto',
    explains:
      'Keeps the release: it is not rolled back, and only observed until somebody resumes. Without a veto, and as soon as it gets worse, it is rolled back.',
    confirm: 'Do not roll back',
    permission: 'act',
    fields: [reason],
    when: ({ vetoWindow }) => vetoWindow !== null,
  },
  {
    name: 'rollback',
    label: 'Roll back',
    explains:
      'Stops traffic, puts the last known good release back and verifies that it helped. Acts at once, also while paused.',
    confirm: 'Roll back now',
    permission: 'act',
    fields: [reason, { name: 'to', label: 'To this release (left empty: last known good)' }],
    danger: true,
    when: ({ phase, current }) => current !== null && !steps.includes(phase),
  },
  {
    name: 'pause',
    label: 'Pause',
    explains: 'Holds automatic rollbacks back. Everything is still measured, judged and told.',
    confirm: 'Pause',
    permission: 'act',
    fields: [reason, { name: 'minutes', label: 'Minutes (left empty: until resumed)', type: 'number' }],
    ofProduct: true,
    when: ({ pause }) => pause === null,
  },
  {
    name: 'resume',
    label: 'Resume',
    explains: 'Automatic rollbacks act again, from the next check on.',
    confirm: 'Resume',
    permission: 'act',
    fields: [],
    ofProduct: true,
    when: ({ pause, veto }) => pause !== null || veto !== null,
  },
];

/** Buttons for what this viewer may do now. Each opens what it does and a confirmation. */
export function actionList(now: ProductNow, viewer: Principal, csrf: string): Markup {
  const open = actions.filter((action) => action.when(now));
  const allowed = open.filter(({ permission }) => may(viewer, permission, now.product));
  if (allowed.length === 0)
    return html`<p class="quiet">You may look, and not act: that needs the role operator or owner of ${now.product}.</p>`;
  return html`${allowed.map((action) => actionForm(action, `/products/${now.product}/${action.name}?environment=${now.environment}`, csrf, action.ofProduct === true ? undefined : now.current?.deployment))}`;
}

export function actionForm(
  action: Omit<Action, 'when' | 'permission' | 'ofProduct'>,
  target: string,
  csrf: string,
  deployment?: string,
): Markup {
  return html`<details class="action${action.danger === true ? ' danger' : ''}" name="action"><summary>${action.label}</summary>
<form method="post" action="${target}" data-command>
<p>${action.explains}</p>
<input type="hidden" name="csrf" value="${csrf}">
${deployment === undefined ? '' : html`<input type="hidden" name="deployment" value="${deployment}">`}
${Object.entries(action.fixed ?? {}).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}
${action.fields.map(fieldOf)}
<button>${action.confirm}</button>
</form></details>`;
}

function fieldOf({ name, label, required = false, value = '', type = 'text' }: Field): Markup {
  const mark = required ? html` required` : '';
  if (type === 'textarea')
    return html`<label>${label} <textarea name="${name}" rows="3"${mark}>${value}</textarea></label>`;
  return html`<label>${label} <input name="${name}" type="${type}" value="${value}"${type === 'number' ? html` min="1"` : ''}${mark}></label>`;
}
