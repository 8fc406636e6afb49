import type { CommandName } from '../../rollback-client.ts';
import { apiClient, type CommonOptions, print, scopeOf, whoAmI } from '../context.ts';
import { CommandFailure, exitCode } from '../exit-codes.ts';
import { timeOf } from '../time-of.ts';

interface Answer {
  readonly accepted: boolean;
  readonly reason: string;
}

/** Prints an answer; a refusal is a failure. */
export function printAnswer(options: CommonOptions, answer: Answer): void {
  print(options, answer, `${answer.accepted ? '' : 'Refused: '}${answer.reason}`);
  if (!answer.accepted) process.exitCode = exitCode.failure;
}

export async function pause(
  [product, reason]: string[],
  options: CommonOptions & { minutes?: string; until?: string },
): Promise<void> {
  const minutes = options.minutes === undefined ? undefined : Number(options.minutes);
  if (minutes !== undefined && !(minutes > 0))
    throw new CommandFailure(exitCode.usage, `--minutes ${options.minutes} is not a positive number`);
  const answer = await apiClient(options).pause(scopeOf(product as string, options), {
    by: whoAmI(),
    ...(reason === undefined ? {} : { reason }),
    ...(minutes === undefined ? {} : { minutes }),
    ...(options.until === undefined ? {} : { until: timeOf('--until', options.until) }),
  });
  printAnswer(options, answer);
}

export async function veto([product, reason]: string[], options: CommonOptions): Promise<void> {
  const answer = await apiClient(options).veto(scopeOf(product as string, options), {
    by: whoAmI(),
    ...(reason === undefined ? {} : { reason }),
  });
  printAnswer(options, answer);
}

export async function resume([product]: string[], options: CommonOptions): Promise<void> {
  printAnswer(options, await apiClient(options).resume(scopeOf(product as string, options), whoAmI()));
}

/** One of the words to a rollback that runs or waits for people. */
export function command(name: CommandName) {
  return async ([product, note]: string[], options: CommonOptions & { to?: string }): Promise<void> => {
    const answer = await apiClient(options).command(scopeOf(product as string, options), name, {
      by: whoAmI(),
      ...(note === undefined ? {} : { note }),
      ...(options.to === undefined ? {} : { to: options.to }),
    });
    printAnswer(options, answer);
  };
}

export async function traffic([state, product]: string[], options: CommonOptions): Promise<void> {
  if (state !== 'resume' && state !== 'stop') {
    throw new CommandFailure(exitCode.usage, `traffic ${JSON.stringify(state)}: allowed are resume and stop`);
  }
  const answer = await apiClient(options).command(scopeOf(product as string, options), 'traffic', {
    by: whoAmI(),
    state,
  });
  printAnswer(options, answer);
}

export async function handover(
  [product, note]: string[],
  options: CommonOptions & { toPerson?: string },
): Promise<void> {
  const words = [options.toPerson === undefined ? '' : `to ${options.toPerson}`, note ?? '']
    .filter((word) => word !== '')
    .join(': ');
  const body = { by: whoAmI(), ...(words === '' ? {} : { note: words }) };
  printAnswer(
    options,
    await apiClient(options).command(scopeOf(product as string, options), 'handover', body),
  );
}

export async function release(
  [product, name, reason]: string[],
  options: CommonOptions & { good?: boolean; bad?: boolean; service?: string },
): Promise<void> {
  if ((options.good ?? false) === (options.bad ?? false))
    throw new CommandFailure(exitCode.usage, 'give either --good or --bad');
  const answer = await apiClient(options).setStanding(scopeOf(product as string, options), name as string, {
    standing: options.good ? 'good' : 'bad',
    by: whoAmI(),
    reason: reason ?? 'no reason given',
    ...(options.service === undefined ? {} : { service: options.service }),
  });
  printAnswer(options, answer);
}

/** No older release comes back from now on; `--lift` takes that back. */
export async function floor(
  [product, name, reason]: string[],
  options: CommonOptions & { lift?: boolean; service?: string },
): Promise<void> {
  const [release, why] = options.lift === true ? [null, name] : [name, reason];
  if (release === undefined || (options.lift === true && reason !== undefined))
    throw new CommandFailure(exitCode.usage, 'give either a release or --lift');
  const answer = await apiClient(options).setFloor(scopeOf(product as string, options), {
    release,
    by: whoAmI(),
    reason: why ?? 'no reason given',
    ...(options.service === undefined ? {} : { service: options.service }),
  });
  printAnswer(options, answer);
}
