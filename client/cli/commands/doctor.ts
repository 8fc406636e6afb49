import { type CommonOptions, print } from '../context.ts';
import { type Finding, type FindingGroup, findingGroups } from '../doctor/finding.ts';
import { lookAtConfiguration } from '../doctor/look-at-configuration.ts';
import { lookAtMachine } from '../doctor/look-at-machine.ts';
import { lookAtPeople } from '../doctor/look-at-people.ts';
import { lookAtProducts } from '../doctor/look-at-products.ts';
import { lookAtTemporal } from '../doctor/look-at-temporal.ts';
import { exitCode } from '../exit-codes.ts';
import { guardRequests } from '../guard-requests.ts';
import { type Paint, paintFor } from '../paint.ts';
import { openSystem } from '../system.ts';

/** Looks at everything a rollback will need, before it is needed, and says how to mend what is not well. */
export async function doctor(_args: string[], options: CommonOptions & { fetch?: boolean }): Promise<void> {
  guardRequests();
  const machine = await lookAtMachine(options);
  const temporal = await lookAtTemporal(options, options.fetch ?? false);
  const { config, findings: configuration } = await lookAtConfiguration(options);
  const findings = [
    ...machine,
    ...temporal,
    ...configuration,
    ...(config === null ? [] : await lookAtPeople(config)),
    ...(configuration.every(({ ok }) => ok) ? await productsOf(options) : []),
  ];
  const paint = paintFor(process.stdout);
  print(options, findings, report(findings, paint));
  if (findings.some(({ ok }) => !ok)) process.exitCode = exitCode.failure;
}

async function productsOf(options: CommonOptions): Promise<Finding[]> {
  const system = await openSystem(options, 'own');
  try {
    return await lookAtProducts(system);
  } finally {
    await system.close();
  }
}

function report(findings: readonly Finding[], paint: Paint): string {
  const groups = findingGroups.filter((group) => findings.some((finding) => finding.group === group));
  return [...groups.flatMap((group) => [...part(group, findings, paint), '']), sum(findings, paint)].join(
    '\n',
  );
}

function part(group: FindingGroup, findings: readonly Finding[], paint: Paint): string[] {
  const own = findings.filter((finding) => finding.group === group);
  return [
    paint('bold', `${group[0]?.toUpperCase()}${group.slice(1)}`),
    ...own.flatMap((finding) => [
      `${mark(finding, paint)} ${finding.what}: ${finding.detail}`,
      ...(finding.mend === null ? [] : [`     ${paint('cyan', 'mend:')} ${finding.mend}`]),
    ]),
  ];
}

function mark({ ok, warning }: Finding, paint: Paint): string {
  if (warning) return paint('yellow', 'warn');
  return ok ? paint('green', 'ok  ') : paint(['red', 'bold'], 'FAIL');
}

function sum(findings: readonly Finding[], paint: Paint): string {
  const failed = findings.filter(({ ok }) => !ok).length;
  const warned = findings.filter(({ warning }) => warning).length;
  const warnings = warned === 0 ? '' : `, ${warned} ${warned === 1 ? 'warning' : 'warnings'}`;
  if (failed === 0) return paint('green', `Everything works${warnings}.`);
  return paint(
    ['red', 'bold'],
    `${failed} ${failed === 1 ? 'thing does' : 'things do'} not work${warnings}.`,
  );
}
