import { releaseNames } from '../../../domain/deployment.ts';
import { timelineLine } from '../../../domain/timeline.ts';
import { apiClient, type CommonOptions, print, whoAmI } from '../context.ts';
import { printAnswer } from './people.ts';

export async function incidents(
  [id]: string[],
  options: CommonOptions & { product?: string },
): Promise<void> {
  const client = apiClient(options);
  if (id !== undefined) {
    const found = await client.incident(id);
    const lines = [
      line(found.incident),
      `  ${found.incident.reason}`,
      '',
      ...found.timeline.map(timelineLine),
    ];
    print(options, found, lines.join('\n'));
    return;
  }
  const { incidents: all } = await client.incidents(
    options.product === undefined ? {} : { product: options.product },
  );
  print(options, all, all.length === 0 ? 'No incidents.' : all.map(line).join('\n'));
}

type Incident = Awaited<ReturnType<ReturnType<typeof apiClient>['incidents']>>['incidents'][number];

function line(incident: Incident): string {
  const to = incident.to.length === 0 ? 'nothing' : releaseNames(incident.to);
  const at = new Date(incident.openedAtMs).toISOString().slice(0, 16);
  return `${incident.id}  ${at}  ${incident.product}  ${releaseNames(incident.from)} → ${to}  ${incident.origin}  ${incident.outcome ?? incident.status}${incident.review === null ? ', not reviewed' : ''}`;
}

export async function review(
  [id, note]: string[],
  options: CommonOptions & { verdict: string },
): Promise<void> {
  printAnswer(
    options,
    await apiClient(options).review(id as string, {
      by: whoAmI(),
      verdict: options.verdict,
      note: note ?? '',
    }),
  );
}
