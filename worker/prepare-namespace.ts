import type { NativeConnection } from '@temporalio/worker';

/** INDEXED_VALUE_TYPE_KEYWORD of Temporal's API; the enum itself is in a package that we do not depend on. */
const keyword = 2 as never;

/** The search attributes that tell a deployment's story in lists of the Temporal Web UI. */
export const searchAttributeNames = [
  'RollbackProduct',
  'RollbackRelease',
  'RollbackPhase',
  'RollbackOutcome',
  'RollbackTrigger',
];

type Services = Pick<NativeConnection, 'operatorService' | 'workflowService'>;

/**
 * Registers our search attributes where they are missing. `false` where that is refused (Temporal Cloud, locked clusters):
 * then the system runs without them, and `doctor` prints the command.
 */
export async function registerSearchAttributes(connection: Services, namespace: string): Promise<boolean> {
  try {
    const known = await connection.operatorService.listSearchAttributes({ namespace }).then(
      ({ customAttributes }) => Object.keys(customAttributes ?? {}),
      (): string[] => [],
    );
    const missing = searchAttributeNames.filter((name) => !known.includes(name));
    if (missing.length === 0) return true;
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(missing.map((name) => [name, keyword])),
    });
    return true;
  } catch {
    return false;
  }
}

const retentionDays = 30;

/** The embedded namespace keeps closed workflows for 30 days; its default is one. */
export async function keepHistory(connection: Services, namespace: string): Promise<void> {
  await connection.workflowService.updateNamespace({
    namespace,
    config: { workflowExecutionRetentionTtl: { seconds: secondsOf(retentionDays) } },
  });
}

type UpdateNamespace = Parameters<Services['workflowService']['updateNamespace']>[0];
type Seconds = NonNullable<
  NonNullable<UpdateNamespace['config']>['workflowExecutionRetentionTtl']
>['seconds'];

/** The generated types ask for a Long; a plain number is accepted on the wire. */
function secondsOf(days: number): Seconds {
  return (days * 24 * 60 * 60) as unknown as Seconds;
}
