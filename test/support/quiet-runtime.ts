import { Runtime } from '@temporalio/worker';

const silent = { log() {}, trace() {}, debug() {}, info() {}, warn() {}, error() {} };

/** The SDK says nothing but its own errors: what tests provoke would fill the screen. One runtime a process. */
export function installQuietRuntime(): void {
  try {
    Runtime.install({ logger: silent, telemetryOptions: { logging: { filter: 'ERROR' } } });
  } catch {
    // Another test file of this process has installed it.
  }
}
