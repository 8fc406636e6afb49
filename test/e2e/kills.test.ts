import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowNotFoundError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { monitorWorkflowId } from '../../domain/identity.ts';
import { createStage, type Killable, type Stage, until, wellEnded } from './stage.ts';

/** Every step of a rollback, by the activity that does it. */
const steps = [
  'beginRollback',
  'chooseTarget',
  'stopTraffic',
  'restore',
  'restart',
  'waitHealthy',
  'checkBeforeTraffic',
  'resumeTraffic',
  'verifyUnderTraffic',
  'concludeRollback',
];

const productOf = (how: string, step: string) => `${how}-${step.toLowerCase()}`;

describe('the promise, with kills', () => {
  const others = ['locked-store', 'temporal-killed'];
  const products = [
    'worker-killed',
    ...steps.flatMap((step) => [productOf('terminate', step), productOf('cancel', step)]),
    ...others,
  ];
  let stage: Stage;
  let worker: Killable;

  beforeAll(async () => {
    stage = await createStage(products);
    worker = await stage.startWorker();
  }, 120_000);
  afterAll(() => stage?.end(), 60_000);

  async function untilPhase(product: string, phase: string): Promise<void> {
    const handle = stage.temporal.workflow.getHandle(
      monitorWorkflowId({ product, environment: 'production', deployment: 'd2' }),
    );
    await until(`${product} in ${phase}`, async () => {
      const found = await handle.query<{ phase: string }>('status');
      if (found.phase !== phase) throw new Error(`phase ${found.phase}`);
    });
  }

  it('worker killed in the baseline, in the watch and at each rollback step: one rollback, one incident, the old release serves', async () => {
    const product = 'worker-killed';
    const again = async () => {
      await worker.kill();
      worker = await stage.startWorker();
    };
    // The baseline lasts seconds here: it is looked for from the start, not once the report is answered.
    await Promise.all([stage.deployBad(product), untilPhase(product, 'baseline')]);
    await again();
    await untilPhase(product, 'watching');
    await again();
    for (const step of steps) {
      await stage.untilStep(product, step);
      await again();
    }
    expect(await stage.check(product)).toEqual(wellEnded);
  }, 300_000);

  it('monitor terminated or cancelled after each step: the rollback goes on without it', async () => {
    const endings = await Promise.all(
      steps.flatMap((step) =>
        (['terminate', 'cancel'] as const).map(async (how) => {
          const product = productOf(how, step);
          await stage.deployBad(product);
          await stage.untilStep(product, step);
          const monitor = stage.temporal.workflow.getHandle(
            monitorWorkflowId({ product, environment: 'production', deployment: 'd2' }),
          );
          const ended = how === 'terminate' ? monitor.terminate('test') : monitor.cancel();
          await ended.catch((error: unknown) => {
            // After its last step a rollback lets its monitor go, too.
            if (!(error instanceof WorkflowNotFoundError) || step !== 'concludeRollback') throw error;
          });
          return [product, await stage.check(product)] as const;
        }),
      ),
    );
    for (const [product, ending] of endings) expect([product, ending]).toEqual([product, wellEnded]);
  }, 300_000);

  it('store unwritable from breach to resume: the rollback does not wait for it', async () => {
    const product = 'locked-store';
    await stage.deployBad(product);
    await stage.untilStep(product, 'beginRollback');
    const lock = new DatabaseSync(stage.storeFile);
    lock.exec('PRAGMA busy_timeout = 5000');
    lock.exec('BEGIN IMMEDIATE');
    try {
      await stage.untilStep(product, 'verifyUnderTraffic');
      await sleep(1_000);
    } finally {
      lock.exec('ROLLBACK');
      lock.close();
    }
    expect(await stage.check(product)).toEqual(wellEnded);
  }, 300_000);

  it('Temporal server killed in the middle of a rollback and started again', async () => {
    const product = 'temporal-killed';
    await stage.deployBad(product);
    await stage.untilStep(product, 'restart');
    await stage.killTemporal(3_000);
    expect(await stage.check(product)).toEqual(wellEnded);
  }, 300_000);
});
