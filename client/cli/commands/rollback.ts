import { apiClient, type CommonOptions, print, scopeOf, whoAmI } from '../context.ts';
import { printAnswer } from './people.ts';

interface Options extends CommonOptions {
  readonly to?: string;
  readonly dryRun?: boolean;
  readonly direct?: boolean;
  readonly force?: boolean;
}

/** The specification's manual trigger. A person's command always acts, paused or not. */
export async function rollback([product, reason]: string[], options: Options): Promise<void> {
  const scope = scopeOf(product as string, options);
  if (options.direct) {
    const { rollBackDirectly } = await import('../direct-rollback.ts');
    return rollBackDirectly(
      scope,
      { reason: reason ?? 'no reason given', to: options.to ?? null, force: options.force ?? false },
      options,
    );
  }
  const client = apiClient(options);
  if (options.dryRun) {
    const plan = await client.planRollback(scope);
    const lines = plan.services.flatMap(({ service, release, candidates, rejected }) => [
      `${service}: ${release} is live`,
      ...candidates.map(
        (entry, i) =>
          `  ${i === 0 ? '→' : ' '} ${entry.release}: ${entry.reason}; restorable: ${entry.restorable}`,
      ),
      ...rejected.map((entry) => `    not ${entry.release}: ${entry.reason}`),
      ...(candidates.length === 0 ? ['  no rollback is possible: there is no last known good release'] : []),
    ]);
    print(options, plan, lines.join('\n'));
    return;
  }
  const answer = await client.rollback(scope, {
    by: whoAmI(),
    ...(reason === undefined ? {} : { reason }),
    ...(options.to === undefined ? {} : { to: options.to }),
  });
  printAnswer(options, answer);
}
