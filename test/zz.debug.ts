import { createWorld } from './support/harness.ts';
const world = await createWorld();
await world.haveGood('v1');
world.service.script('v2', (ms) => (ms > 12 * 60_000 ? { errorsPerMinute: 5.2 } : {}));
const { handle } = await world.deploy('v2');
void handle.result().then(console.log, console.log);
await new Promise((r) => setTimeout(r, 5000));
console.log(await world.timeline(), world.service.calls, new Date(await world.now()));
const rb = world.rollbackHandle();
const h = await rb.fetchHistory();


process.exit(0);
