import { grantText, type Role, roles } from '../../../domain/access.ts';
import { apiClient, type CommonOptions, print, whoAmI } from '../context.ts';
import { CommandFailure, exitCode } from '../exit-codes.ts';
import { printAnswer } from './people.ts';

interface TokenOptions extends CommonOptions {
  readonly role?: string;
  readonly product?: string;
  readonly days: string;
}

/** `token create NAME`, `token list`, `token revoke NAME` */
export async function token([what, name]: string[], options: TokenOptions): Promise<void> {
  const actions: Readonly<Record<string, () => Promise<void>>> = {
    create: () => createToken(needed(name), options),
    list: () => listTokens(options),
    revoke: async () => printAnswer(options, await apiClient(options).revokeToken(needed(name))),
  };
  const act = actions[what ?? ''];
  if (act === undefined)
    throw new CommandFailure(exitCode.usage, `token ${what}: allowed are ${Object.keys(actions).join(', ')}`);
  await act();
}

function needed(name: string | undefined): string {
  if (name !== undefined) return name;
  throw new CommandFailure(exitCode.usage, 'give the name of whoever holds the token, e.g. ci or ada-laptop');
}

async function createToken(name: string, options: TokenOptions): Promise<void> {
  const role = options.role as Role | undefined;
  if (role === undefined || !roles.includes(role))
    throw new CommandFailure(exitCode.usage, `--role ${role ?? ''}: allowed are ${roles.join(', ')}`);
  const days = options.days === 'never' ? null : Number(options.days);
  if (days !== null && !(days > 0))
    throw new CommandFailure(exitCode.usage, `--days ${options.days}: allowed are a number, or never`);
  const made = await apiClient(options).makeToken({ name, role, product: options.product ?? null, days });
  const until = made.token.expiresAtMs === null ? 'never' : day(made.token.expiresAtMs);
  print(
    options,
    made,
    `${made.secret}\n\n${name}: ${grantText(made.token)}, expires ${until}. It is shown this once.`,
  );
}

async function listTokens(options: TokenOptions): Promise<void> {
  const { tokens } = await apiClient(options).tokens();
  const lines = tokens.map((found) => {
    const state = found.revokedAtMs !== null ? 'revoked' : expired(found.expiresAtMs) ? 'expired' : 'serves';
    const used = found.lastUsedAtMs === null ? 'never used' : `last used ${day(found.lastUsedAtMs)}`;
    const until = found.expiresAtMs === null ? 'never expires' : `expires ${day(found.expiresAtMs)}`;
    return `${found.name}  ${grantText(found)}  ${state}, ${until}, ${used}, made by ${found.createdBy}`;
  });
  print(options, tokens, lines.length === 0 ? 'No tokens.' : lines.join('\n'));
}

/** Who did what: the newest commands first. */
export async function audit(
  _args: string[],
  options: CommonOptions & { product?: string; who?: string; limit: string },
): Promise<void> {
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > 1_000)
    throw new CommandFailure(
      exitCode.usage,
      `--limit ${options.limit}: allowed is a whole number from 1 to 1000`,
    );
  const { entries } = await apiClient(options).audit({
    limit,
    ...(options.product === undefined ? {} : { product: options.product }),
    ...(options.who === undefined ? {} : { who: options.who }),
  });
  const lines = entries.map(({ atMs, who, from, call, product, why, status, answer }) => {
    const at = new Date(atMs).toISOString().slice(0, 19).replace('T', ' ');
    const about = [product, why].filter((text) => text !== null).join(': ');
    return `${at}  ${who} (${from})  ${call}${about === '' ? '' : `  ${about}`}  → ${status}${answer === '' ? '' : ` ${answer}`}`;
  });
  print(options, entries, lines.length === 0 ? 'No command has been given yet.' : lines.join('\n'));
}

/** A link that opens the page signed in; nothing is opened by itself, for the browser may be on another machine. */
export async function open(_args: string[], options: CommonOptions): Promise<void> {
  const link = await apiClient(options).signInLink({ by: whoAmI() });
  print(options, link, `${link.url}\n\nIt opens the page once, within two minutes.`);
}

function expired(atMs: number | null): boolean {
  return atMs !== null && atMs <= Date.now();
}

function day(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10);
}
