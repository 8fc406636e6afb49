import { WorkflowNotFoundError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DeploymentKey, monitorWorkflowId } from '../../domain/identity.ts';
import { aDeployment } from '../adapters/store/builders.ts';
import { eventually } from '../adapters/temporary.ts';
import { createDevWorld, type DevWorld } from '../support/dev-world.ts';

let world: DevWorld;
beforeAll(async () => {
  world = await createDevWorld();
});
afterAll(() => world?.end());

/** What the API does now and then; deployments of the last second are left to whoever reports them. */
const catchUp = () => world.api.operations.startMissingMonitors(1_000);

describe('a deployment without a monitor', () => {
  it('gets it when it was recorded while Temporal was down', async () => {
    const key = await recorded('reported-only', 60_000);
    await catchUp();
    await eventually(async () => (await timeline(key)).includes('Deploy v2 to production'));
  });

  it('gets it when a rollback by hand has put it live', async () => {
    const bad = await recorded('by-hand', 120_000);
    const atMs = Date.now() - 60_000;
    const key = { ...bad, deployment: 'rollback-direct-1' };
    await world.store.deployments.concludeRollback({
      key: bad,
      rollback: 'direct/1',
      outcome: 'rolled_back',
      reason: 'rolled back by hand, without Temporal',
      atMs,
      restored: {
        ...key,
        services: [{ service: 'web', release: 'v1' }],
        origin: 'rollback',
        deployedAtMs: atMs,
      },
    });
    await catchUp();
    await eventually(async () => (await timeline(key)).includes('Restored v1 in production'));
    expect(await isUnknown(bad)).toBe(true);
  });

  it('is left to its reporter for a moment', async () => {
    const key = await recorded('just-now', 0);
    await catchUp();
    expect(await isUnknown(key)).toBe(true);
  });
});

describe('a deployment that has its monitor', () => {
  it('is left alone, before its first check and after it', async () => {
    const key = await reported('watched');
    const { runId } = await monitor(key).describe();
    await Promise.all([catchUp(), catchUp()]);
    await eventually(async () => (await world.store.watches.read(key))?.lastAtMs);
    await catchUp();
    expect((await monitor(key).describe()).runId).toBe(runId);
  });

  it('gets no second one when it is reported again after it has ended and Temporal has forgotten it', {
    timeout: 90_000,
  }, async () => {
    const key = await reported('forgotten');
    await reported('forgotten', 'build-2');
    await eventually(async () => (await monitor(key).describe()).status.name === 'COMPLETED', 20_000);
    await world.client.workflowService.deleteWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId: monitorWorkflowId(key) },
    });
    // The server deletes at its next checkpoint, up to half a minute later.
    await eventually(() => isUnknown(key), 60_000);
    const again = await world.api.operations.report(aReport(key));
    expect(again).toMatchObject({ isNew: false, deployment: { outcome: 'superseded' } });
    await catchUp();
    expect(await isUnknown(key)).toBe(true);
    const row = await world.store.products.read(key);
    expect(row.currentDeployment).toBe('build-2');
  });
});

/** What is in the store after a report that could start no monitor. */
async function recorded(product: string, agoMs: number): Promise<DeploymentKey> {
  const { environment, service } = world.addProduct(product);
  await service.deploy('v2');
  const key = { product, environment, deployment: 'build-1' };
  await world.store.deployments.register(
    aDeployment('build-1', { ...key, deployedAtMs: Date.now() - agoMs }),
  );
  return key;
}

async function reported(product: string, deployment = 'build-1'): Promise<DeploymentKey> {
  const { environment, service } = world.addProduct(product);
  await service.deploy('v2');
  const key = { product, environment, deployment };
  await world.api.operations.report(aReport(key));
  return key;
}

function aReport(key: DeploymentKey) {
  return {
    isIdGiven: true,
    key,
    services: [{ service: 'web', release: 'v2' }],
    deployedAtMs: Date.now() - 5_000,
    good: null,
    floor: null,
  };
}

function monitor(key: DeploymentKey) {
  return world.client.workflow.getHandle(monitorWorkflowId(key));
}

/** Temporal knows no monitor of it. */
async function isUnknown(key: DeploymentKey): Promise<boolean> {
  return monitor(key)
    .describe()
    .then(
      () => false,
      (error: unknown) => error instanceof WorkflowNotFoundError,
    );
}

async function timeline(key: DeploymentKey): Promise<string[]> {
  return (await world.store.timeline.list({ ...key, limit: 50 })).map(({ text }) => text);
}
