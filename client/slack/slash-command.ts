import { may, type Principal, productsOf, refusalOf } from '../../domain/access.ts';
import { defaultEnvironment, type ProductKey } from '../../domain/identity.ts';
import type { MessageAction } from '../../domain/message.ts';
import type { Views } from './commands.ts';
import { type Obeyed, type Obeying, obey } from './order.ts';

const help = [
  'What I understand:',
  '`/orchestrator rollback PRODUCT REASON` (`--to RELEASE`, else last known good)',
  '`/orchestrator pause PRODUCT REASON`, for an hour, and `/orchestrator resume PRODUCT`',
  '`/orchestrator veto PRODUCT REASON`, while a rollback waits for that',
  '`/orchestrator acknowledge PRODUCT`',
  '`/orchestrator status PRODUCT`',
  '`/orchestrator dashboard rollbacks`',
  `All but the dashboard take \`--environment NAME\` (else ${defaultEnvironment}).`,
].join('\n');

const orders: readonly string[] = [
  'rollback',
  'pause',
  'resume',
  'veto',
  'acknowledge',
] satisfies MessageAction[];

/** One line of `/orchestrator …`; `kind: 'told'` is for the person who typed it alone. */
export async function slashCommand(
  line: string,
  requestId: string,
  principal: Principal,
  { views, ...obeying }: Obeying & { readonly views: Views },
): Promise<Obeyed | { readonly kind: 'told'; readonly text: string }> {
  const { words, flags } = parsed(line);
  const [verb = 'help', product, ...rest] = words;
  if (verb === 'dashboard') return told(await dashboard(principal, views));
  const isOrder = orders.includes(verb);
  if (!isOrder && verb !== 'status') return told(help);
  if (product === undefined) return told(`Which product? \`/orchestrator ${verb} PRODUCT\``);
  const key = { product, environment: flags.environment ?? defaultEnvironment };
  if (verb === 'status') return told(await status(key, principal, views));
  const needsReason = verb === 'rollback' || verb === 'pause' || verb === 'veto';
  if (needsReason && rest.length === 0)
    return told(`Why? It stands in the timeline: \`/orchestrator ${verb} ${product} REASON\``);
  const order = {
    action: verb as MessageAction,
    key,
    reason: withoutQuotes(rest.join(' ')),
    to: flags.to ?? null,
    requestId,
  };
  return obey(order, principal, obeying);
}

/** The specification writes `"CEO noticed UI breaking"`, and phones make typographic ones of these. */
function withoutQuotes(reason: string): string {
  return /^["“”„](.*)["“”]$/.exec(reason)?.[1] ?? reason;
}

function told(text: string): { kind: 'told'; text: string } {
  return { kind: 'told', text };
}

async function status(key: ProductKey, principal: Principal, views: Views): Promise<string> {
  if (!may(principal, 'read', key.product)) return `${refusalOf(principal, 'read', key.product)}.`;
  return views.status(key).catch(sorry);
}

async function dashboard(principal: Principal, views: Views): Promise<string> {
  const products = productsOf(principal, 'read') ?? undefined;
  if (products?.length === 0) return `${refusalOf(principal, 'read', null)}.`;
  return views.statistics(30, products).then(slackMarkup, sorry);
}

/** Slack knows one star for bold, and no headings. */
function slackMarkup(markdown: string): string {
  return markdown.replace(/^#+ (.*)$/gm, '*$1*').replace(/\*\*(.+?)\*\*/g, '*$1*');
}

function sorry(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Words, and `--name value` wherever it stands; Slack's own phones make a dash of two hyphens. */
function parsed(line: string): { words: string[]; flags: { environment?: string; to?: string } } {
  const flags: { environment?: string; to?: string } = {};
  const words = line
    .replace(/(?:--|—)(environment|to)[\s=]+(\S+)/g, (_, name: 'environment' | 'to', value: string) => {
      flags[name] = value;
      return ' ';
    })
    .split(/\s+/)
    .filter((word) => word !== '');
  return { words, flags };
}
