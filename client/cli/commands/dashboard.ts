import { type RollbackStatistics, statisticsText } from '../../../domain/rollback-statistics.ts';
import { apiClient, type CommonOptions, print } from '../context.ts';
import { CommandFailure, exitCode } from '../exit-codes.ts';

/** `orchestrator dashboard rollbacks`: the specification's statistics and the recent rollbacks. */
export async function dashboard([what]: string[], options: CommonOptions & { days: string }): Promise<void> {
  if (what !== 'rollbacks')
    throw new CommandFailure(exitCode.usage, `dashboard ${JSON.stringify(what)}: allowed is rollbacks`);
  const days = Number(options.days);
  if (!Number.isInteger(days) || days < 1)
    throw new CommandFailure(exitCode.usage, `--days ${options.days}: allowed is a whole number from 1`);
  const client = apiClient(options);
  const [statistics, { incidents }] = await Promise.all([
    client.statistics(days),
    client.incidents({ limit: 10 }),
  ]);
  const recent = incidents.map(
    (incident) =>
      `- ${new Date(incident.openedAtMs).toISOString().slice(0, 16)} ${incident.product}: ${incident.reason} → ${incident.outcome ?? incident.status}`,
  );
  const text = [
    statisticsText(statistics as RollbackStatistics),
    '',
    '**Recent Rollbacks**:',
    ...(recent.length === 0 ? ['- none'] : recent),
  ];
  print(options, { ...statistics, recent: incidents }, text.join('\n'));
}
