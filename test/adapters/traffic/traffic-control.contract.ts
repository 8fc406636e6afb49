import { afterEach, describe, expect, it } from 'vitest';
import type { TrafficControl } from '../../../adapters/traffic/traffic-control.ts';
import { cleanUp } from '../temporary.ts';
import { aBackend, aStoppableBackend } from './backends.ts';
import { startLoad } from './load.ts';

/** A traffic control of the service `api`, fresh, and where its users come in. */
export interface TrafficControlHarness {
  readonly traffic: TrafficControl;
  readonly url: string;
}

/** What a control cannot do by its nature; one that says nothing can do everything. */
export interface TrafficControlLimits {
  /** Its maintenance page is a server of the user's: neither header nor words are ours. */
  readonly fixedPage?: boolean;
  /** It sends traffic to whole services, and cannot tell which release they run. */
  readonly withoutReleases?: boolean;
  /** The network that it switches is stood in for: what that loses under load says nothing of the control. */
  readonly standInNetwork?: boolean;
  /** Its maintenance page can have no header of ours. */
  readonly withoutRetryAfter?: boolean;
  /** A switch closes connections that clients keep, and a request that is sent at that moment fails, as HTTP/1.1 has it. */
  readonly closesKeptConnections?: boolean;
}

const signal = AbortSignal.timeout(600_000);

/** What every traffic control promises. */
export function describeTrafficControl(
  name: string,
  makeHarness: () => Promise<TrafficControlHarness>,
  {
    fixedPage = false,
    withoutReleases = false,
    standInNetwork = false,
    withoutRetryAfter = false,
    closesKeptConnections = false,
  }: TrafficControlLimits = {},
): void {
  const weights = (release: string) => (withoutReleases ? {} : { [release]: 100 });
  describe(`${name} as a traffic control`, { timeout: 60_000 }, () => {
    afterEach(cleanUp);

    it('sends all traffic to the release that it resumes with', async () => {
      const { traffic, url } = await makeHarness();
      await traffic.resume('api', { release: 'v1', instances: [await aBackend('v1')], signal });
      expect(await traffic.state('api', signal)).toEqual({ maintenance: false, weights: weights('v1') });
      expect(await answersOf(url)).toEqual(['v1']);
      await traffic.resume('api', { release: 'v2', instances: [await aBackend('v2')], signal });
      expect(await traffic.state('api', signal)).toEqual({ maintenance: false, weights: weights('v2') });
      expect(await answersOf(url)).toEqual(['v2']);
    });

    it('shares the traffic among all running instances and leaves out the others', async () => {
      const { traffic, url } = await makeHarness();
      const gone = { ...(await aBackend('gone')), running: false };
      const instances = [await aBackend('first'), await aBackend('second'), gone];
      await traffic.resume('api', { release: 'v1', instances, signal });
      expect(await answersOf(url)).toEqual(['first', 'second']);
    });

    it('answers 503 with Retry-After while traffic is stopped, and reaches no release', async () => {
      const { traffic, url } = await makeHarness();
      await traffic.resume('api', { release: 'v1', instances: [await aBackend('v1')], signal });
      await traffic.stop('api', { reason: 'going back to v0', retryAfterSeconds: 30, signal });
      expect((await traffic.state('api', signal)).maintenance).toBe(true);
      const response = await fetch(url);
      expect(response.status).toBe(503);
      if (fixedPage) return;
      if (!withoutRetryAfter) expect(response.headers.get('retry-after')).toBe('30');
      expect(await response.text()).toContain('going back to v0');
    });

    it('has switched when it returns: the very next request meets the new state', async () => {
      const { traffic, url } = await makeHarness();
      const releases = [await aBackend('v1'), await aBackend('v2')];
      for (const instance of [...releases, ...releases]) {
        const release = String(instance.release);
        await traffic.stop('api', { reason: 'back soon', retryAfterSeconds: 30, signal });
        expect((await fetch(url)).status).toBe(503);
        await traffic.resume('api', { release, instances: [instance], signal });
        expect(await answersOf(url)).toEqual([release]);
      }
    });

    if (!standInNetwork)
      it('loses no request under load, when each old release is stopped as soon as the switch has returned', async () => {
        const { traffic, url } = await makeHarness();
        let current = await aStoppableBackend('r0');
        await traffic.resume('api', { release: 'r0', instances: [current.instance], signal });
        const load = startLoad(url, 8, { keepAlive: !closesKeptConnections });
        for (const turn of [1, 2, 3, 4]) {
          const release = `r${turn}`;
          const next = await aStoppableBackend(release);
          // Every other time by way of maintenance, as a rollback in one slot does.
          const stopped = turn % 2 === 0;
          if (stopped) await traffic.stop('api', { reason: 'back soon', retryAfterSeconds: 1, signal });
          if (stopped) current.stop();
          await traffic.resume('api', { release, instances: [next.instance], signal });
          if (!stopped) current.stop();
          expect(await answersOf(url)).toEqual([release]);
          current = next;
        }
        const { lost, answered, maintenance } = await load.stop();
        expect(lost.filter((what) => !(withoutRetryAfter && what === 'status 503'))).toEqual([]);
        expect(answered - maintenance).toBeGreaterThan(50);
      });

    it('ends maintenance when it resumes', async () => {
      const { traffic, url } = await makeHarness();
      await traffic.stop('api', { reason: 'back soon', retryAfterSeconds: 30, signal });
      await traffic.resume('api', { release: 'v1', instances: [await aBackend('v1')], signal });
      expect((await traffic.state('api', signal)).maintenance).toBe(false);
      expect(await answersOf(url)).toEqual(['v1']);
    });

    it('may be told the same twice', async () => {
      const { traffic, url } = await makeHarness();
      const resume = { release: 'v1', instances: [await aBackend('v1')], signal };
      const stop = { reason: 'back soon', retryAfterSeconds: 30, signal };
      for (const _twice of [1, 2]) await traffic.stop('api', stop);
      expect((await fetch(url)).status).toBe(503);
      for (const _twice of [1, 2]) await traffic.resume('api', resume);
      expect(await answersOf(url)).toEqual(['v1']);
    });

    it('refuses to resume with no running instance, and stays as it is', async () => {
      const { traffic } = await makeHarness();
      await traffic.stop('api', { reason: 'back soon', retryAfterSeconds: 30, signal });
      const instances = [{ ...(await aBackend('v1')), running: false }];
      await expect(traffic.resume('api', { release: 'v1', instances, signal })).rejects.toThrow(
        /no running instance/,
      );
      expect((await traffic.state('api', signal)).maintenance).toBe(true);
    });

    it('does nothing for a step that is over', async () => {
      const { traffic, url } = await makeHarness();
      await traffic.resume('api', { release: 'v1', instances: [await aBackend('v1')], signal });
      const over = AbortSignal.abort(new Error('the step is over'));
      await expect(traffic.stop('api', { reason: 'x', retryAfterSeconds: 1, signal: over })).rejects.toThrow(
        'over',
      );
      expect((await traffic.state('api', signal)).maintenance).toBe(false);
      const v2 = { release: 'v2', instances: [await aBackend('v2')], signal: over };
      await expect(traffic.resume('api', v2)).rejects.toThrow('over');
      expect(await answersOf(url)).toEqual(['v1']);
    });

    it('finds everything in order that switching will need', async () => {
      const { traffic } = await makeHarness();
      await traffic.resume('api', { release: 'v1', instances: [await aBackend('v1')], signal });
      const checks = (await traffic.checks?.('api', signal)) ?? [];
      expect(checks.filter(({ ok }) => !ok)).toEqual([]);
    });
  });
}

/** What ten requests were answered, without repeats. */
async function answersOf(url: string): Promise<string[]> {
  const answers = await Promise.all(Array.from({ length: 10 }, async () => (await fetch(url)).text()));
  return [...new Set(answers)].sort();
}
