import { mkdir, writeFile } from 'node:fs/promises';
import proto from '@temporalio/proto';
import { postMortemWorkflowId } from '../../domain/identity.ts';
import type { Policy } from '../../domain/policy.ts';
import {
  commandSignals,
  pauseSignal,
  resumeSignal,
  reviewSignal,
  statusQuery,
  supersededSignal,
  vetoSignal,
} from '../../workflows/messages.ts';
import { createWorld, hourMs, minuteMs, type World } from '../support/harness.ts';

/**
 * Records one history per ending: `node test/replay/record.ts`. Run it for a new release of the project, beside the older
 * recordings, which stay: a monitor that began under them must still replay. A second argument names the one ending to record.
 */
const folder = new URL(`./histories/${process.argv[2] ?? '0.1.0'}/`, import.meta.url);

const only = process.argv[3];

const sick = (ms: number) => (ms > 12 * minuteMs ? { errorsPerMinute: 50 } : {});

async function record(
  name: string,
  play: (world: World) => Promise<void>,
  change: (policy: Policy) => Policy = (policy) => policy,
): Promise<void> {
  if (only !== undefined && only !== name) return;
  // Few checks: a history does not grow with them, and recording stays quick.
  const world = await createWorld((policy) => ({
    ...change(policy),
    monitoring: { ...policy.monitoring, watchMs: 3 * hourMs },
  }));
  try {
    await world.haveGood('v1');
    world.service.script('v2', sick);
    await play(world);
    const monitor = world.environment.client.workflow.getHandle('monitor/shop/production/deploy-v2');
    await save(`${name}.monitor`, monitor);
    await save(`${name}.rollback`, world.rollbackHandle());
    const [incident] = await world.store.incidents.list({ limit: 1 });
    if (incident !== undefined)
      await save(
        `${name}.post-mortem`,
        world.environment.client.workflow.getHandle(postMortemWorkflowId(incident.id)),
      );
  } finally {
    await world.end();
  }

  async function save(file: string, handle: ReturnType<World['rollbackHandle']>): Promise<void> {
    const history = await handle.fetchHistory().catch(() => null);
    if (history === null) return;
    const bytes = proto.temporal.api.history.v1.History.encode(history).finish();
    const recorded = { workflowId: handle.workflowId, history: Buffer.from(bytes).toString('base64') };
    await writeFile(new URL(`${file}.json`, folder), `${JSON.stringify(recorded)}\n`);
    process.stdout.write(`${file}: ${history.events?.length} events\n`);
  }
}

async function escalated(world: World): Promise<void> {
  const phase = () =>
    world
      .rollbackHandle()
      .query(statusQuery)
      .then(
        (status) => status.phase,
        () => null,
      );
  await world.until('escalated', async () => (await phase()) === 'escalated', 3 * hourMs);
}

await mkdir(folder, { recursive: true });
await record('healthy', async (world) => {
  world.service.script('v2', () => ({}));
  await (await world.deploy('v2')).handle.result();
});
await record('rolled-back', async (world) => {
  const { handle } = await world.deploy('v2');
  await handle.result();
  const [incident] = await world.store.incidents.list({ limit: 1 });
  const postMortem = world.environment.client.workflow.getHandle(
    postMortemWorkflowId(incident?.id as string),
  );
  await postMortem.signal(reviewSignal, { by: 'Ana', verdict: 'confirmed' });
  await postMortem.result();
});
await record('paused-then-cancelled', async (world) => {
  const { handle } = await world.deploy('v2');
  await handle.signal(pauseSignal, { by: 'Ana' });
  await world.pass(hourMs);
  await handle.cancel();
  await handle.result();
});
await record('superseded', async (world) => {
  const { handle } = await world.deploy('v2');
  await world.pass(8 * minuteMs);
  await handle.signal(supersededSignal, { by: 'deploy-v3' });
  await handle.result();
});
await record('changed-outside', async (world) => {
  const { handle } = await world.deploy('v2');
  await world.pass(8 * minuteMs);
  await world.service.deploy('v9');
  await handle.result();
});
await record('unobserved', async (world) => {
  world.service.state.blind = 'HTTP 500';
  await (await world.deploy('v2')).handle.result();
});
await record('escalated-then-retried', async (world) => {
  world.service.fail('restore', 'disk full', 3);
  const { handle } = await world.deploy('v2');
  await escalated(world);
  await world.rollbackHandle().signal(commandSignals.acknowledge, { by: 'Ben' });
  await world.pass(minuteMs);
  await world.rollbackHandle().signal(commandSignals.retry, { by: 'Ben' });
  await handle.result();
});
await record('systemic-then-resolved', async (world) => {
  const { handle } = await world.deploy('v2');
  world.service.script('v1', () => ({ errorsPerMinute: 3_000 }));
  await escalated(world);
  await world.rollbackHandle().signal(commandSignals.resolve, { by: 'Ben' });
  await handle.result();
});
await record(
  'vetoed-then-resumed',
  async (world) => {
    const { handle } = await world.deploy('v2');
    const isOpen = async () =>
      (await world.store.products.read({ product: 'shop', environment: 'production' })).vetoWindow != null;
    await world.until('the veto window', isOpen, 3 * hourMs);
    await handle.signal(vetoSignal, { by: 'Ana', reason: 'load test' });
    await world.pass(10 * minuteMs);
    await handle.signal(resumeSignal, { by: 'Ana' });
    await handle.result();
  },
  (policy) => ({
    ...policy,
    rollback: { ...policy.rollback, vetoMs: { critical: 5 * minuteMs, high: 5 * minuteMs } },
  }),
);
process.exit(0);
