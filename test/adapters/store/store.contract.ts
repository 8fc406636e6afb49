import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Conclusion } from '../../../adapters/store/deployments.ts';
import { openStore, type Store } from '../../../adapters/store/store.ts';
import { beginRollback, newProductRow, type ProductRow } from '../../../domain/product-row.ts';
import { afterwards, cleanUp, startNode } from '../temporary.ts';
import { aDeployment, anEntry, anIncident, aTick, aWatch, shop } from './builders.ts';

/** An empty database. */
export interface StoreHarness {
  readonly location: string;
  /** Runs SQL beside the store, as another program would. */
  execute(sql: string): Promise<void>;
  /** From now on the database takes no writes. */
  refuseWrites(): Promise<void>;
}

/** What both databases promise. */
export function describeStore(name: string, makeHarness: () => Promise<StoreHarness>): void {
  describe(`${name} as a store`, { timeout: 30_000 }, () => {
    let harness: StoreHarness;
    let store: Store;
    beforeEach(async () => {
      harness = await makeHarness();
      store = await openStore(harness.location);
      afterwards(() => store.close());
    });
    afterEach(cleanUp);

    /** A deployment that is current and being rolled back by `inc-1`. */
    async function aRollback(): Promise<void> {
      await store.deployments.register(aDeployment('bad'));
      await begin(store, 'inc-1', 'bad');
    }

    const conclusion: Conclusion = {
      key: { ...shop, deployment: 'bad' },
      rollback: 'inc-1',
      outcome: 'rolled_back',
      reason: 'verified',
      atMs: 9_000,
      restored: aDeployment('restored', { origin: 'rollback', deployedAtMs: 9_000 }),
    };
    /** What no database can write: the transaction fails at its last statement. */
    const unwritable = [{ service: 'web', release: 1n as unknown as string }];

    describe('registering a deployment', () => {
      it('makes a new one current and watched', async () => {
        const registered = await store.deployments.register(aDeployment('first'));
        expect(registered).toMatchObject({ isNew: true, superseded: null });
        expect(registered.deployment).toMatchObject({ status: 'watching', outcome: null, goodMs: 0 });
        expect(await store.deployments.read({ ...shop, deployment: 'first' })).toEqual(registered.deployment);
        expect(await store.products.read(shop)).toEqual({ ...newProductRow, currentDeployment: 'first' });
      });

      it('knows one that was reported before, also after it ended', async () => {
        const first = await store.deployments.register(aDeployment('first'));
        const again = await store.deployments.register(aDeployment('first', { deployedAtMs: 2_000 }));
        expect(again).toEqual({ deployment: first.deployment, isNew: false, superseded: null });
        await store.deployments.register(aDeployment('second'));
        const late = await store.deployments.register(aDeployment('first'));
        expect(late).toMatchObject({ isNew: false, superseded: null, deployment: { status: 'ended' } });
        expect((await store.products.read(shop)).currentDeployment).toBe('second');
      });

      it('ends the older one as superseded', async () => {
        await store.deployments.register(aDeployment('first'));
        const second = await store.deployments.register(aDeployment('second', { deployedAtMs: 5_000 }));
        expect(second.superseded).toBe('first');
        expect(await store.deployments.read({ ...shop, deployment: 'first' })).toMatchObject({
          status: 'ended',
          outcome: 'superseded',
          outcomeReason: 'superseded by second',
          endedAtMs: 5_000,
        });
      });

      it('does all of it or nothing', async () => {
        await store.deployments.register(aDeployment('first'));
        const failing = store.deployments.register(aDeployment('second', { services: unwritable }));
        await expect(failing).rejects.toThrow('BigInt');
        expect((await store.products.read(shop)).currentDeployment).toBe('first');
        expect(await store.deployments.read({ ...shop, deployment: 'first' })).toMatchObject({
          outcome: null,
        });
      });

      it('lets it wait while a rollback holds the product', async () => {
        await aRollback();
        const hotfix = await store.deployments.register(aDeployment('hotfix'));
        expect(hotfix).toMatchObject({ isNew: true, superseded: null, deployment: { status: 'waiting' } });
        expect((await store.products.read(shop)).currentDeployment).toBe('bad');
        expect(await store.deployments.read({ ...shop, deployment: 'bad' })).toMatchObject({ outcome: null });
      });

      it('in place of the current one ends that with its outcome', async () => {
        await store.deployments.register(aDeployment('first'));
        const found = aDeployment('observed-1', { origin: 'observed', deployedAtMs: 2_000 });
        expect(await store.deployments.registerInPlaceOf(byHand('first'), found)).toMatchObject({
          status: 'watching',
        });
        expect(await store.deployments.read({ ...shop, deployment: 'first' })).toMatchObject({
          outcome: 'changed_outside',
          outcomeReason: 'by hand',
        });
        expect((await store.products.read(shop)).currentDeployment).toBe('observed-1');
      });

      it('in place of one that is not current any more, or under a rollback, is refused and changes nothing', async () => {
        await store.deployments.register(aDeployment('first'));
        await store.deployments.register(aDeployment('reported', { deployedAtMs: 2_000 }));
        const found = aDeployment('observed-1', { origin: 'observed', deployedAtMs: 3_000 });
        expect(await store.deployments.registerInPlaceOf(byHand('first'), found)).toBeNull();
        expect((await store.products.read(shop)).currentDeployment).toBe('reported');
        const rollback = { id: 'inc-1', deployment: 'reported', sinceMs: 3_000 };
        await store.products.change(shop, (row) => ({ ...row, rollback }));
        expect(await store.deployments.registerInPlaceOf(byHand('reported'), found)).toBeNull();
        expect(await store.deployments.read({ ...shop, deployment: 'observed-1' })).toBeNull();
        expect(await store.deployments.read({ ...shop, deployment: 'reported' })).toMatchObject({
          outcome: null,
        });
      });

      it('reported twenty times at once, it is one', async () => {
        await store.deployments.register(aDeployment('first'));
        const reports = await Promise.all(
          Array.from({ length: 20 }, () => store.deployments.register(aDeployment('second'))),
        );
        expect(reports.filter(({ isNew }) => isNew)).toHaveLength(1);
        expect(new Set(reports.map(({ deployment }) => deployment.status))).toEqual(new Set(['watching']));
        expect(await store.deployments.list({ limit: 50 })).toHaveLength(2);
      });

      it('keeps the environments of a product apart', async () => {
        await store.deployments.register(aDeployment('first'));
        const staged = await store.deployments.register(aDeployment('first', { environment: 'staging' }));
        expect(staged).toMatchObject({ isNew: true, superseded: null });
      });
    });

    describe('a product’s row', () => {
      it('is new for a product that nobody knows', async () => {
        expect(await store.products.read(shop)).toEqual(newProductRow);
        expect(await store.products.list()).toEqual([]);
      });

      it('loses no update of twenty at once', async () => {
        await Promise.all(Array.from({ length: 20 }, () => store.products.change(shop, countPause)));
        expect((await store.products.read(shop)).pause?.untilMs).toBe(20);
      });

      it('loses no update of two processes', async () => {
        const writer = fileURLToPath(new URL('./pause-writer.ts', import.meta.url));
        const args = ['--disable-warning=ExperimentalWarning', writer, harness.location, '50'];
        const exits = await Promise.all(
          [startNode(args), startNode(args)].map((child) => once(child, 'exit')),
        );
        expect(exits.map(([code]) => code as number)).toEqual([0, 0]);
        expect((await store.products.read(shop)).pause?.untilMs).toBe(100);
      });

      it('stays as it is when there is nothing to change', async () => {
        await store.products.change(shop, countPause);
        const answer = await store.products.change(shop, () => null);
        expect(answer.pause?.untilMs).toBe(1);
        expect(await store.products.read(shop)).toEqual(answer);
      });
    });

    describe('any order of reports and rollbacks', () => {
      const step = fc.oneof(
        fc.record({ do: fc.constant('register' as const), which: fc.nat({ max: 4 }) }),
        fc.record({ do: fc.constant('begin' as const), which: fc.nat({ max: 4 }) }),
      );
      const steps = fc.array(step, { minLength: 2, maxLength: 10 });
      let runs = 0;

      async function take(product: string, { do: what, which }: { do: 'register' | 'begin'; which: number }) {
        const deployment = `deploy-${which}`;
        if (what === 'register') await store.deployments.register(aDeployment(deployment, { product }));
        else await begin(store, `inc-${which}`, deployment, { ...shop, product });
      }

      async function expectOneRollbackAtMost(product: string): Promise<void> {
        const row = await store.products.read({ ...shop, product });
        const all = await store.deployments.list({ product, limit: 50 });
        for (const { deployment, status, outcome } of all) {
          if (deployment === row.currentDeployment) expect(status).toBe('watching');
          else if (row.rollback === null)
            expect({ status, outcome }).toEqual({ status: 'ended', outcome: 'superseded' });
          else expect(['waiting', 'ended']).toContain(status);
        }
        if (row.rollback !== null) expect(row.rollback.deployment).toBe(row.currentDeployment);
      }

      it('one after the other: leaves one rollback at most, and every later deployment waits', async () => {
        await fc.assert(
          fc.asyncProperty(steps, async (taken) => {
            const product = `ordered-${runs++}`;
            for (const one of taken) {
              const known = await store.deployments.read({
                ...shop,
                product,
                deployment: `deploy-${one.which}`,
              });
              const before = await store.products.read({ ...shop, product });
              await take(product, one);
              const after = await store.products.read({ ...shop, product });
              if (before.rollback === null) continue;
              expect(after).toEqual(before);
              const now = await store.deployments.read({
                ...shop,
                product,
                deployment: `deploy-${one.which}`,
              });
              if (one.do === 'register' && known === null) expect(now?.status).toBe('waiting');
            }
            await expectOneRollbackAtMost(product);
          }),
          { numRuns: 25 },
        );
      });

      it('all at once: leaves one rollback at most, and every later deployment waits', async () => {
        await fc.assert(
          fc.asyncProperty(steps, async (taken) => {
            const product = `parallel-${runs++}`;
            await Promise.all(taken.map((one) => take(product, one)));
            await expectOneRollbackAtMost(product);
          }),
          { numRuns: 25 },
        );
      });
    });

    describe('how a deployment ends', () => {
      it('the first word stands', async () => {
        await store.deployments.register(aDeployment('first'));
        const key = { ...shop, deployment: 'first' };
        await store.deployments.end(key, 'healthy', 'watched for 24 h', 5_000);
        const second = await store.deployments.end(key, 'cancelled', 'too late', 6_000);
        expect(second).toMatchObject({
          outcome: 'healthy',
          outcomeReason: 'watched for 24 h',
          endedAtMs: 5_000,
        });
      });

      it('of two words at once one stands, and both are told which', async () => {
        const words = ['healthy', 'cancelled', 'unobserved', 'needs_attention'] as const;
        for (let round = 0; round < 5; round += 1) {
          const key = { ...shop, deployment: `round-${round}` };
          await store.deployments.register(aDeployment(key.deployment));
          const told = await Promise.all(words.map((word) => store.deployments.end(key, word, word, 5_000)));
          const stored = await store.deployments.read(key);
          expect(new Set(told.map((deployment) => deployment?.outcome))).toEqual(new Set([stored?.outcome]));
        }
      });

      it('says nothing of one that nobody knows', async () => {
        expect(await store.deployments.end({ ...shop, deployment: 'gone' }, 'healthy', 'x', 1)).toBeNull();
      });

      it('keeps the good time it has served', async () => {
        await store.deployments.register(aDeployment('first'));
        const key = { ...shop, deployment: 'first' };
        await store.deployments.setGood(key, 3_600_000);
        await store.deployments.end(key, 'healthy', 'watched', 5_000);
        expect((await store.deployments.read(key))?.goodMs).toBe(3_600_000);
      });
    });

    describe('concluding a rollback', () => {
      it('clears the row, ends the bad deployment and makes the restored one current', async () => {
        await aRollback();
        const { restored } = await store.deployments.concludeRollback(conclusion);
        expect(restored).toMatchObject({ deployment: 'restored', status: 'watching', origin: 'rollback' });
        const row = await store.products.read(shop);
        expect(row).toEqual({ ...newProductRow, currentDeployment: 'restored' });
        expect(await store.deployments.read(conclusion.key)).toMatchObject({
          status: 'ended',
          outcome: 'rolled_back',
          outcomeReason: 'verified',
          endedAtMs: 9_000,
        });
      });

      it('does all of it or nothing', async () => {
        await aRollback();
        const failing = { ...conclusion, restored: aDeployment('restored', { services: unwritable }) };
        await expect(store.deployments.concludeRollback(failing)).rejects.toThrow('BigInt');
        const row = await store.products.read(shop);
        expect(row).toMatchObject({ currentDeployment: 'bad', rollback: { id: 'inc-1' } });
        expect(await store.deployments.read(conclusion.key)).toMatchObject({ outcome: null });
      });

      it('releases the deployment that takes over', async () => {
        await aRollback();
        await store.deployments.register(aDeployment('hotfix'));
        const taken = {
          ...conclusion,
          restored: null,
          outcome: 'superseded' as const,
        };
        expect(await store.deployments.concludeRollback(taken)).toEqual({
          restored: null,
          released: 'hotfix',
        });
        expect(await store.products.read(shop)).toMatchObject({
          currentDeployment: 'hotfix',
          rollback: null,
        });
        const hotfix = await store.deployments.read({ ...shop, deployment: 'hotfix' });
        expect(hotfix?.status).toBe('watching');
      });

      it('lets in the newest of those that wait, whoever was restored; older ones are superseded', async () => {
        await aRollback();
        await store.deployments.register(aDeployment('hotfix-1', { deployedAtMs: 6_000 }));
        await store.deployments.register(aDeployment('hotfix-2', { deployedAtMs: 7_000 }));
        const { restored, released } = await store.deployments.concludeRollback(conclusion);
        expect(released).toBe('hotfix-2');
        expect(restored).toMatchObject({ outcome: 'superseded', outcomeReason: 'superseded by hotfix-2' });
        expect((await store.products.read(shop)).currentDeployment).toBe('hotfix-2');
        expect(await store.deployments.read({ ...shop, deployment: 'hotfix-1' })).toMatchObject({
          outcome: 'superseded',
        });
        expect(await store.deployments.list({ ...shop, status: 'waiting', limit: 9 })).toEqual([]);
      });

      it('lets in nobody whom the restored release has replaced, too', async () => {
        await aRollback();
        await store.deployments.register(aDeployment('sick-hotfix'));
        const ended = await store.deployments.concludeRollback({ ...conclusion, replaced: ['sick-hotfix'] });
        expect(ended).toMatchObject({ restored: { status: 'watching' }, released: null });
        expect((await store.products.read(shop)).currentDeployment).toBe('restored');
        expect(await store.deployments.read({ ...shop, deployment: 'sick-hotfix' })).toMatchObject({
          outcome: 'superseded',
          outcomeReason: 'replaced by inc-1',
        });
      });

      it('whose workflow is gone: the row is freed, and who waited is let in', async () => {
        await aRollback();
        await store.deployments.register(aDeployment('hotfix'));
        expect(await store.deployments.freeRow(shop, 'inc-0', 9_000)).toBeNull();
        expect(await store.deployments.freeRow(shop, 'inc-1', 9_000)).toEqual({ released: 'hotfix' });
        expect(await store.products.read(shop)).toMatchObject({
          currentDeployment: 'hotfix',
          rollback: null,
        });
        expect(await store.deployments.read(conclusion.key)).toMatchObject({ outcome: 'superseded' });
      });

      it('leaves the current deployment when nothing was restored', async () => {
        await aRollback();
        await store.deployments.concludeRollback({
          ...conclusion,
          restored: null,
          outcome: 'needs_attention',
        });
        expect(await store.products.read(shop)).toMatchObject({ currentDeployment: 'bad', rollback: null });
      });

      it('does not clear a row that another rollback holds', async () => {
        await aRollback();
        await store.products.change(shop, (row) => ({
          ...row,
          rollback: { id: 'direct/1', deployment: 'bad', sinceMs: 1 },
        }));
        await store.deployments.concludeRollback({ ...conclusion, restored: null, outcome: 'superseded' });
        expect((await store.products.read(shop)).rollback?.id).toBe('direct/1');
      });

      it('repeated, changes nothing, not even when somebody has deployed meanwhile', async () => {
        await aRollback();
        await store.deployments.concludeRollback(conclusion);
        await store.deployments.register(aDeployment('third', { deployedAtMs: 10_000 }));
        const again = await store.deployments.concludeRollback(conclusion);
        expect(again).toMatchObject({
          restored: { deployment: 'restored', outcome: 'superseded' },
          released: null,
        });
        expect((await store.products.read(shop)).currentDeployment).toBe('third');
      });

      it('repeated after a take-over, changes nothing either', async () => {
        await aRollback();
        await store.deployments.register(aDeployment('hotfix'));
        const taken = {
          ...conclusion,
          restored: null,
          outcome: 'superseded' as const,
        };
        await store.deployments.concludeRollback(taken);
        await store.deployments.register(aDeployment('third'));
        await store.deployments.concludeRollback(taken);
        expect((await store.products.read(shop)).currentDeployment).toBe('third');
      });
    });

    describe('tokens', () => {
      const token = {
        id: 'a1',
        name: 'ci',
        hash: 'h',
        role: 'pipeline' as const,
        product: 'shop',
        createdBy: 'Ada',
        createdAtMs: 1_000,
        expiresAtMs: 9_000,
      };

      it('are kept with their use, and revoked once', async () => {
        expect(await store.tokens.create(token)).toBe(true);
        await store.tokens.markUsed('a1', 2_000);
        expect(await store.tokens.read('a1')).toEqual({ ...token, lastUsedAtMs: 2_000, revokedAtMs: null });
        expect(await store.tokens.revoke('a1', 3_000)).toBe(true);
        expect(await store.tokens.revoke('a1', 4_000)).toBe(false);
        expect(await store.tokens.list()).toMatchObject([{ id: 'a1', revokedAtMs: 3_000 }]);
        expect(await store.tokens.read('b2')).toBeNull();
      });

      it('have a name of their own while they serve', async () => {
        await store.tokens.create(token);
        expect(await store.tokens.create({ ...token, id: 'b2' })).toBe(false);
        expect(await store.tokens.create({ ...token, id: 'c3', createdAtMs: 9_001 })).toBe(true);
      });
    });

    describe('sessions', () => {
      const session = {
        hash: 'h',
        kind: 'link' as const,
        identity: { by: 'token' as const, token: 'local', name: 'Ada' },
        expiresAtMs: 5_000,
      };

      it('are found until they expire', async () => {
        await store.sessions.open(session);
        expect(await store.sessions.read('h', 4_999)).toEqual(session);
        expect(await store.sessions.read('h', 5_000)).toBeNull();
        expect(await store.sessions.read('other', 0)).toBeNull();
      });

      it('are closed by one of those who ask at once, and only as what they are', async () => {
        await store.sessions.open(session);
        expect(await store.sessions.close('h', 'session', 1_000)).toBeNull();
        const closed = await Promise.all([1, 2, 3].map(() => store.sessions.close('h', 'link', 1_000)));
        expect(closed.filter((found) => found !== null)).toEqual([session]);
      });
    });

    it('keeps the audit trail, newest first, by product and by who', async () => {
      const entry = {
        atMs: 1_000,
        who: 'Ada',
        kind: 'person',
        from: '127.0.0.1',
        call: 'POST /v1/products/{product}/rollback',
        product: 'shop',
        environment: 'production',
        why: 'UI broken',
        status: 200,
        answer: 'begun',
      };
      await store.audit.append(entry);
      await store.audit.append({ ...entry, atMs: 2_000, who: 'Ben', product: null });
      expect(await store.audit.list({ limit: 10 })).toEqual([
        { ...entry, atMs: 2_000, who: 'Ben', product: null },
        entry,
      ]);
      expect(await store.audit.list({ product: 'shop', limit: 10 })).toEqual([entry]);
      expect(await store.audit.list({ who: 'Ben', limit: 10 })).toHaveLength(1);
    });

    describe('what changed', () => {
      it('is told once, of whichever record, and nothing of before', async () => {
        await store.deployments.register(aDeployment('first'));
        const { mark, products } = await store.changes.since(null);
        expect(products).toEqual([]);
        expect((await store.changes.since(mark)).products).toEqual([]);
        const writes = [
          () => store.timeline.append([anEntry('x', { product: 'blog' })]),
          () => store.watches.record({ ...shop, deployment: 'first' }, aWatch(1_000), []),
          () => store.products.change({ ...shop, product: 'cart' }, (row) => ({ ...row, pause: null })),
        ];
        let seen = mark;
        const told: string[] = [];
        for (const write of writes) {
          await write();
          const found = await store.changes.since(seen);
          told.push(found.products.map(({ product }) => product).join());
          seen = found.mark;
        }
        expect(told).toEqual(['blog', 'shop', 'cart']);
        expect((await store.changes.since(seen)).products).toEqual([]);
      });

      it('is told of a watch whose clock is behind', async () => {
        const other = { ...shop, product: 'slow', deployment: 'a' };
        await store.watches.record({ ...shop, deployment: 'first' }, aWatch(100_000), []);
        const { mark } = await store.changes.since(null);
        await store.watches.record(other, aWatch(90_000), []);
        expect((await store.changes.since(mark)).products).toMatchObject([{ product: 'slow' }]);
      });
    });

    describe('a watch', () => {
      const key = { ...shop, deployment: 'first' };

      it('is unknown before its first tick', async () => {
        expect(await store.watches.read(key)).toBeNull();
      });

      it('counts a tick once, however often it is recorded', async () => {
        for (const _attempt of [1, 2]) await store.watches.record(key, aWatch(60_000), [aTick(60_000)]);
        await store.watches.record(key, aWatch(120_000), [
          aTick(120_000),
          aTick(120_000, { service: 'jobs' }),
        ]);
        const ticks = await store.watches.samples(key, { sinceMs: 0, untilMs: 1e9 });
        expect(ticks.map(({ service, sample }) => `${service} ${sample.tick}`).toSorted()).toEqual([
          'jobs 120000',
          'web 120000',
          'web 60000',
        ]);
      });

      it('is not set back by a late attempt, which writes only its own tick', async () => {
        await store.watches.record(key, aWatch(120_000, { regularTicks: 2 }), [aTick(120_000)]);
        await store.watches.record(key, aWatch(60_000, { regularTicks: 1 }), [aTick(60_000)]);
        expect(await store.watches.read(key)).toMatchObject({ lastTickMs: 120_000, regularTicks: 2 });
        const ticks = await store.watches.samples(key, { sinceMs: 0, untilMs: 1e9 });
        expect(ticks.map(({ sample }) => sample.tick)).toEqual([60_000, 120_000]);
      });

      it('is not set back by attempts that arrive at once in any order', async () => {
        const order = [5, 1, 4, 2, 3, 5, 1];
        await Promise.all(
          order.map((n) =>
            store.watches.record(key, aWatch(n * 60_000, { regularTicks: n }), [aTick(n * 60_000)]),
          ),
        );
        expect(await store.watches.read(key)).toMatchObject({ lastTickMs: 300_000, regularTicks: 5 });
        expect(await store.watches.samples(key, { sinceMs: 0, untilMs: 1e9 })).toHaveLength(5);
      });

      it('gives the newest regular checks of a service, oldest first', async () => {
        const key = { ...shop, deployment: 'first' };
        const ticks = [1, 2, 3, 4].map((at) => aTick(at * 1_000));
        const extra = aTick(3_500);
        await store.watches.record(key, aWatch(4_000), [
          ...ticks,
          { ...extra, sample: { ...extra.sample, regular: false } },
        ]);
        const found = await store.watches.newest({ ...key, service: 'web' }, 2);
        expect(found.map(({ sample }) => sample.tick)).toEqual([3_000, 4_000]);
        expect(await store.watches.newest({ ...key, service: 'jobs' }, 2)).toEqual([]);
      });

      it('gives its samples after one time and up to another, oldest first', async () => {
        for (const n of [3, 1, 2, 4]) await store.watches.record(key, aWatch(n), [aTick(n * 1_000)]);
        const found = await store.watches.samples(key, { sinceMs: 1_005, untilMs: 3_005 });
        expect(found.map(({ sample }) => sample.tick)).toEqual([2_000, 3_000]);
      });

      it('gives a service’s life over all deployments, without what was rolled back, gaps, blind and extra ticks', async () => {
        for (const name of ['first', 'second', 'bad']) await store.deployments.register(aDeployment(name));
        await store.deployments.end({ ...shop, deployment: 'bad' }, 'rolled_back', 'sick', 9_000);
        const at = (name: string, tick: ReturnType<typeof aTick>) =>
          store.watches.record({ ...shop, deployment: name }, aWatch(tick.sample.tick), [tick]);
        await at('second', aTick(3_000));
        await at('first', aTick(1_000));
        await at('first', { ...aTick(2_000), kind: 'blind' });
        await at('bad', aTick(4_000));
        await at('second', { ...aTick(5_000), sample: { ...aTick(5_000).sample, regular: false } });
        const life = await store.watches.history({ ...shop, service: 'web' }, { sinceMs: 0, untilMs: 1e9 });
        expect(life.map(({ tick }) => tick)).toEqual([1_000, 3_000]);
      });

      it('forgets what is older than it is told', async () => {
        for (const n of [1, 2, 3]) await store.watches.record(key, aWatch(n), [aTick(n * 1_000)]);
        expect(await store.watches.prune(2_500)).toBe(2);
        const left = await store.watches.samples(key, { sinceMs: 0, untilMs: 1e9 });
        expect(left.map(({ sample }) => sample.tick)).toEqual([3_000]);
        expect(await store.watches.read(key)).toMatchObject({ lastTickMs: 3 });
      });

      it('says when each watched deployment was looked at, and nothing of ended ones', async () => {
        await store.deployments.register(aDeployment('first'));
        await store.deployments.register(aDeployment('other', { product: 'blog' }));
        await store.deployments.register(aDeployment('done', { product: 'wiki' }));
        await store.deployments.end({ ...shop, product: 'wiki', deployment: 'done' }, 'healthy', 'x', 2_000);
        await store.watches.record(key, aWatch(60_000), [aTick(60_000)]);
        const looks = await store.watches.lastLooks();
        expect(looks.toSorted((a, b) => a.product.localeCompare(b.product))).toEqual([
          { product: 'blog', environment: 'production', deployment: 'other', atMs: null },
          { ...key, atMs: 60_005 },
        ]);
      });
    });

    describe('the timeline', () => {
      it('writes an entry once, by its key', async () => {
        await store.timeline.append([anEntry('a'), anEntry('a', { text: 'again' }), anEntry('b')]);
        await store.timeline.append([anEntry('b', { text: 'again' }), anEntry('c')]);
        await store.timeline.append([]);
        const entries = await store.timeline.list({ ...shop, limit: 10 });
        expect(entries.map(({ text }) => text)).toEqual(['a', 'b', 'c']);
      });

      it('gives the newest ones, oldest first, in the order of writing where times are equal', async () => {
        await store.timeline.append([anEntry('late', { atMs: 3_000 }), anEntry('x'), anEntry('y')]);
        await store.timeline.append([anEntry('early', { atMs: 500 })]);
        const newest = await store.timeline.list({ ...shop, limit: 3 });
        expect(newest.map(({ key }) => key)).toEqual(['x', 'y', 'late']);
        expect(newest[2]).toEqual(anEntry('late', { atMs: 3_000 }));
      });

      it('is asked by deployment, incident and time', async () => {
        await store.timeline.append([
          anEntry('a', { deployment: 'first' }),
          anEntry('b', { incident: 'inc-1' }),
          anEntry('c', { atMs: 9_000 }),
          anEntry('d', { environment: 'staging' }),
        ]);
        const keys = async (filter: object) =>
          (await store.timeline.list({ ...shop, ...filter, limit: 10 })).map(({ key }) => key);
        expect(await keys({ deployment: 'first' })).toEqual(['a']);
        expect(await keys({ incident: 'inc-1' })).toEqual(['b']);
        expect(await keys({ sinceMs: 9_000 })).toEqual(['c']);
        expect(await keys({ environment: 'staging' })).toEqual(['d']);
      });
    });

    describe('incidents', () => {
      it('are written whole, and their report stays', async () => {
        await store.incidents.save(anIncident('inc-1'));
        await store.incidents.saveReport('inc-1', { hypothesis: 'a new query' });
        const ended = anIncident('inc-1', { status: 'open', outcome: 'rolled_back', endedAtMs: 3_000 });
        await store.incidents.save(ended);
        expect(await store.incidents.read('inc-1')).toEqual(ended);
        expect(await store.incidents.readReport('inc-1')).toEqual({ hypothesis: 'a new query' });
      });

      it('keep the evidence beside the report', async () => {
        await store.incidents.save(anIncident('inc-1'));
        expect(await store.incidents.readEvidence('inc-1')).toBeNull();
        const evidence = {
          changes: [],
          logs: { lines: ['pool exhausted'], total: 812, reference: 'web.log' },
        };
        await store.incidents.saveEvidence('inc-1', evidence);
        await store.incidents.saveReport('inc-1', { hypothesis: 'a new query' });
        expect(await store.incidents.readEvidence('inc-1')).toEqual(evidence);
      });

      it('are null where nobody knows them, and so are their reports', async () => {
        expect(await store.incidents.read('inc-9')).toBeNull();
        expect(await store.incidents.readReport('inc-9')).toBeNull();
        expect(await store.incidents.change('inc-9', (found) => found)).toBeNull();
        await store.incidents.save(anIncident('inc-1'));
        expect(await store.incidents.readReport('inc-1')).toBeNull();
      });

      it('lose no change of twenty at once', async () => {
        await store.incidents.save(anIncident('inc-1', { attempts: 0 }));
        const more = () =>
          store.incidents.change('inc-1', (found) => ({ ...found, attempts: found.attempts + 1 }));
        await Promise.all(Array.from({ length: 20 }, more));
        expect((await store.incidents.read('inc-1'))?.attempts).toBe(20);
      });

      it('are listed newest first', async () => {
        await store.incidents.save(anIncident('inc-1', { openedAtMs: 1_000 }));
        await store.incidents.save(anIncident('inc-3', { openedAtMs: 3_000, product: 'blog' }));
        await store.incidents.save(anIncident('inc-2', { openedAtMs: 2_000 }));
        const ids = async (filter: object) =>
          (await store.incidents.list({ limit: 10, ...filter })).map(({ id }) => id);
        expect(await ids({})).toEqual(['inc-3', 'inc-2', 'inc-1']);
        expect(await ids({ limit: 1 })).toEqual(['inc-3']);
        expect(await ids({ product: 'shop' })).toEqual(['inc-2', 'inc-1']);
        expect(await ids({ environment: 'staging' })).toEqual([]);
        expect(await ids({ sinceMs: 2_000 })).toEqual(['inc-3', 'inc-2']);
      });
    });

    describe('what instances push', () => {
      const web = { ...shop, service: 'web' };

      it('is kept by instance, the newest of each', async () => {
        await store.pushed.change({ ...web, instance: 'b' }, 1_000, () => '1');
        await store.pushed.change({ ...web, instance: 'a' }, 2_000, () => '2');
        await store.pushed.change({ ...web, instance: 'b' }, 3_000, (before) => `${before}3`);
        expect(await store.pushed.read(web, 0)).toEqual([
          { instance: 'a', atMs: 2_000, document: '2' },
          { instance: 'b', atMs: 3_000, document: '13' },
        ]);
        expect(await store.pushed.read({ ...web, service: 'api' }, 0)).toEqual([]);
        expect(await store.pushed.read(web, 2_001)).toHaveLength(1);
      });

      it('is not lost when several write at once', async () => {
        const other = await openStore(harness.location);
        afterwards(() => other.close());
        const add = (to: Store) =>
          to.pushed.change({ ...web, instance: 'a' }, 1_000, (before) => String(Number(before ?? 0) + 1));
        await Promise.all([add(store), add(other), add(store), add(other)]);
        expect((await store.pushed.read(web, 0))[0]?.document).toBe('4');
      });

      it('is forgotten after a while', async () => {
        await store.pushed.change({ ...web, instance: 'a' }, 1_000, () => '1');
        await store.pushed.prune(1_001);
        expect(await store.pushed.read(web, 0)).toEqual([]);
      });
    });

    describe('alerts', () => {
      const anAlert = {
        fingerprint: 'a1',
        name: 'HighErrorRate',
        service: 'web' as string | null,
        summary: 'too many errors',
        sinceMs: 1_000,
        firing: true,
      };

      it('fire until they are resolved, product by product', async () => {
        const { fingerprint: _, firing: __, ...told } = anAlert;
        await store.alerts.receive(shop, [anAlert, { ...anAlert, fingerprint: 'a2', service: null }], 2_000);
        await store.alerts.receive(shop, [anAlert], 3_000);
        expect(await store.alerts.firing(shop, 0)).toEqual([told, { ...told, service: null }]);
        expect(await store.alerts.firing({ ...shop, environment: 'staging' }, 0)).toEqual([]);
        await store.alerts.receive(shop, [{ ...anAlert, firing: false }], 4_000);
        expect(await store.alerts.firing(shop, 0)).toEqual([{ ...told, service: null }]);
      });

      it('are forgotten when nobody repeats them', async () => {
        await store.alerts.receive(shop, [anAlert], 2_000);
        expect(await store.alerts.firing(shop, 2_001)).toEqual([]);
      });

      it('that fire again are not ended by the late word of their earlier end', async () => {
        await store.alerts.receive(shop, [{ ...anAlert, sinceMs: 5_000 }], 5_000);
        await store.alerts.receive(shop, [{ ...anAlert, firing: false }], 6_000);
        expect(await store.alerts.firing(shop, 0)).toMatchObject([{ sinceMs: 5_000 }]);
      });
    });

    describe('the way back', () => {
      const aRecipe = { service: 'web', release: 'v1', recipe: '{"image":"web:1"}', atMs: 1_000 };

      it('keeps how a release is put there, the newest word of it, product by product', async () => {
        await store.wayBack.keepRecipe(shop, aRecipe);
        await store.wayBack.keepRecipe(shop, { ...aRecipe, recipe: '{"image":"web:1b"}', atMs: 2_000 });
        await store.wayBack.keepRecipe(shop, { ...aRecipe, release: 'v2', recipe: 'two' });
        expect(await store.wayBack.recipe(shop, 'web', 'v1')).toBe('{"image":"web:1b"}');
        expect(await store.wayBack.recipe(shop, 'web', 'v3')).toBeNull();
        expect(await store.wayBack.recipe(shop, 'jobs', 'v1')).toBeNull();
        expect(await store.wayBack.recipe({ ...shop, environment: 'staging' }, 'web', 'v1')).toBeNull();
      });

      it('keeps what was last looked at of its readiness', async () => {
        expect(await store.wayBack.readiness(shop)).toBeNull();
        const check = { name: 'traffic control', ok: true, detail: 'serving' };
        const readiness = { atMs: 1_000, services: [{ service: 'web', target: 'v1', checks: [check] }] };
        await store.wayBack.saveReadiness({ ...shop, deployment: 'first' }, readiness);
        await store.wayBack.saveReadiness({ ...shop, deployment: 'second' }, { ...readiness, atMs: 2_000 });
        expect(await store.wayBack.readiness(shop)).toEqual({
          ...readiness,
          atMs: 2_000,
          deployment: 'second',
        });
      });
    });

    describe('policies', () => {
      it('have a new version whenever the text changes, also back to an older one', async () => {
        expect(await store.policies.newest()).toBeNull();
        const first = await store.policies.save('a: 1', 1_000);
        expect(await store.policies.save('a: 1', 2_000)).toEqual(first);
        const second = await store.policies.save('a: 2', 3_000);
        const third = await store.policies.save('a: 1', 4_000);
        expect(second.version).toBeGreaterThan(first.version);
        expect(third.version).toBeGreaterThan(second.version);
        expect(await store.policies.newest()).toEqual({
          version: third.version,
          source: 'a: 1',
          atMs: 4_000,
        });
      });

      it('saved by several starters at once, are one version', async () => {
        const saved = await Promise.all(Array.from({ length: 8 }, (_, i) => store.policies.save('a: 1', i)));
        expect(new Set(saved.map(({ version }) => version)).size).toBe(1);
      });
    });

    it('remembers which notice went over which channel', async () => {
      expect(await store.notices.wasSent('stale/1', 'slack')).toBe(false);
      for (const atMs of [1_000, 2_000]) await store.notices.markSent('stale/1', 'slack', atMs);
      expect(await store.notices.wasSent('stale/1', 'slack')).toBe(true);
      expect(await store.notices.wasSent('stale/1', 'email')).toBe(false);
      expect(await store.notices.wasSent('stale/2', 'slack')).toBe(false);
    });

    it('keeps the first place of a story in a channel', async () => {
      expect(await store.threads.read('inc-1', 'slack')).toBeNull();
      expect(await store.threads.open('inc-1', 'slack', { ts: '1.0' }, 1_000)).toEqual({ ts: '1.0' });
      expect(await store.threads.open('inc-1', 'slack', { ts: '2.0' }, 2_000)).toEqual({ ts: '1.0' });
      expect(await store.threads.read('inc-1', 'chat')).toBeNull();
      expect(await store.threads.read('inc-1', 'slack')).toEqual({ ts: '1.0' });
    });

    it('keeps the last word about each release of each service, newest first', async () => {
      const held = {
        service: 'web',
        release: 'v2',
        standing: 'held',
        author: 'o',
        reason: 'r',
        atMs: 1_000,
      } as const;
      await store.releases.set(shop, held);
      await store.releases.set(shop, { ...held, release: 'v1', atMs: 2_000 });
      await store.releases.set(shop, { ...held, service: 'jobs', atMs: 3_000 });
      await store.releases.set(shop, { ...held, standing: 'good', author: 'Ana', atMs: 4_000 });
      await store.releases.set({ ...shop, environment: 'staging' }, held);
      expect(await store.releases.list(shop)).toEqual([
        { ...held, standing: 'good', author: 'Ana', atMs: 4_000 },
        { ...held, service: 'jobs', atMs: 3_000 },
        { ...held, release: 'v1', atMs: 2_000 },
      ]);
    });

    it('lists deployments newest first, by product, environment, time and status', async () => {
      await store.deployments.register(aDeployment('a', { deployedAtMs: 1_000 }));
      await store.deployments.register(aDeployment('c', { deployedAtMs: 3_000 }));
      await store.deployments.register(aDeployment('b', { deployedAtMs: 2_000, product: 'blog' }));
      await store.deployments.register(aDeployment('d', { deployedAtMs: 3_000, environment: 'staging' }));
      const names = async (filter: object) =>
        (await store.deployments.list({ limit: 10, ...filter })).map(({ deployment }) => deployment);
      expect(await names({})).toEqual(['d', 'c', 'b', 'a']);
      expect(await names({ limit: 2 })).toEqual(['d', 'c']);
      expect(await names({ product: 'shop' })).toEqual(['d', 'c', 'a']);
      expect(await names({ ...shop })).toEqual(['c', 'a']);
      expect(await names({ sinceMs: 2_000 })).toEqual(['d', 'c', 'b']);
      expect(await names({ status: 'ended' })).toEqual(['a']);
    });

    it('keeps what it knows when it is opened again, also by several at once', async () => {
      await store.deployments.register(aDeployment('first'));
      const others = await Promise.all(Array.from({ length: 3 }, () => openStore(harness.location)));
      for (const other of others) {
        expect((await other.products.read(shop)).currentDeployment).toBe('first');
        await other.close();
      }
    });

    it('is made once, however many open it for the first time at once', async () => {
      const { location } = await makeHarness();
      const stores = await Promise.all(Array.from({ length: 3 }, () => openStore(location)));
      await Promise.all(stores.map((one) => one.products.change(shop, countPause)));
      expect((await stores[0]?.products.read(shop))?.pause?.untilMs).toBe(3);
      for (const one of stores) await one.close();
    });

    it('refuses a database that a newer version has migrated, and says so', async () => {
      await harness.execute(
        `insert into kysely_migration (name, timestamp) values ('9999_future', '2099-01-01T00:00:00.000Z')`,
      );
      await expect(openStore(harness.location)).rejects.toThrow(/newer version .*9999_future/);
    });

    it('answers a check while it can be written, and rejects it when it cannot', async () => {
      await store.check();
      await harness.refuseWrites();
      await expect(store.check()).rejects.toThrow(/locked|read-only/);
    });

    it('rejects a check after it was closed', async () => {
      const other = await openStore(harness.location);
      await other.close();
      await expect(other.check()).rejects.toThrow();
    });
  });
}

function countPause(row: ProductRow): ProductRow {
  return { ...row, pause: { untilMs: (row.pause?.untilMs ?? 0) + 1, by: 'test', reason: 'counting' } };
}

async function begin(store: Store, id: string, deployment: string, key = shop): Promise<void> {
  await store.products.change(key, (row) => {
    const beginning = beginRollback(row, { id, deployment, sinceMs: 1_000 });
    return beginning.kind === 'begun' ? beginning.row : null;
  });
}

function byHand(deployment: string) {
  return { deployment, outcome: 'changed_outside' as const, reason: 'by hand', atMs: 2_000 };
}
