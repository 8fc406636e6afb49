import { readdirSync, readFileSync } from 'node:fs';
import proto from '@temporalio/proto';
import { Worker, type WorkflowBundle } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import { bundleWorkflows } from '../../worker/workers.ts';
import { installQuietRuntime } from '../support/quiet-runtime.ts';

installQuietRuntime();
const folder = new URL('./histories/', import.meta.url);
const recordings = readdirSync(folder).flatMap((version) =>
  readdirSync(new URL(`${version}/`, folder)).map((file) => [version, file] as const),
);

/** Workflows that began under an older version of this code must go on under the new one. */
describe('recorded histories replay', () => {
  let workflowBundle: WorkflowBundle;
  beforeAll(async () => {
    workflowBundle = await bundleWorkflows();
  });

  it('has one recording per ending at least', () => {
    const names = recordings.map(([, file]) => file);
    for (const ending of [
      'healthy',
      'rolled-back',
      'superseded',
      'changed-outside',
      'unobserved',
      'paused-then-cancelled',
      'escalated-then-retried',
      'systemic-then-resolved',
      'vetoed-then-resumed',
    ]) {
      expect(names).toContain(`${ending}.monitor.json`);
    }
  });

  it.each(recordings)('%s %s', async (version, file) => {
    const recorded = JSON.parse(readFileSync(new URL(`${version}/${file}`, folder), 'utf8')) as {
      workflowId: string;
      history: string;
    };
    const history = proto.temporal.api.history.v1.History.decode(Buffer.from(recorded.history, 'base64'));
    await Worker.runReplayHistory({ workflowBundle }, history, recorded.workflowId);
  });
});
