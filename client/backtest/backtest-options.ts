import type { CommonOptions } from '../cli/context.ts';
import { CommandFailure, exitCode } from '../cli/exit-codes.ts';
import { loadPolicy, type NamedPolicy } from './named-policy.ts';

export interface BacktestOptions extends CommonOptions {
  readonly traces?: string;
  readonly out?: string;
  readonly policy?: string;
  readonly against?: string;
  readonly plot?: string;
  readonly case?: string;
  readonly days: string;
  readonly prometheus?: boolean;
  readonly from?: string;
  readonly to?: string;
  readonly deployedAt?: readonly string[];
}

/** How far back, as `--days` says. */
export function daysOf({ days: text }: BacktestOptions): number {
  const days = Number(text);
  if (!Number.isInteger(days) || days < 1)
    throw new CommandFailure(exitCode.usage, `--days ${text}: allowed is a whole number from 1`);
  return days;
}

/** The policies that are asked for: `--policy` or else the usual one, and `--against`. */
export async function policiesOf(
  options: BacktestOptions,
  usual: NamedPolicy,
): Promise<readonly [NamedPolicy, ...NamedPolicy[]]> {
  const first = options.policy === undefined ? usual : await loadPolicy(options.policy);
  return options.against === undefined ? [first] : [first, await loadPolicy(options.against)];
}
