import type { DeployTarget } from '../../adapters/deploy-target/deploy-target.ts';
import type { HealthProbe } from '../../adapters/health/health-probe.ts';
import type { Measurement, MetricsSource } from '../../adapters/metrics/metrics-source.ts';
import type { TrafficControl } from '../../adapters/traffic/traffic-control.ts';
import type { Histogram } from '../../domain/histogram.ts';
import type { Instance } from '../../domain/live.ts';
import type { RollbackWay } from '../../domain/rollback.ts';

/** How a release behaves at a time (milliseconds since it was started). */
export interface Behaviour {
  readonly requestsPerMinute: number;
  readonly errorsPerMinute: number;
  readonly p95Ms: number;
  readonly memoryPercent: number | null;
  readonly dbErrorsPerMinute: number;
  readonly healthy: boolean;
}

export const calm: Behaviour = {
  requestsPerMinute: 9_000,
  errorsPerMinute: 0.5,
  p95Ms: 280,
  memoryPercent: 45,
  dbErrorsPerMinute: 0,
  healthy: true,
};

export type Script = (sinceStartMs: number) => Partial<Behaviour>;

export type Step = 'live' | 'restore' | 'restart' | 'stop' | 'resume' | 'beside' | 'settle';

export interface Failure {
  /** How many more times; `Infinity` = always. */
  times: number;
  /** `null`: it does not fail, it answers nothing. */
  message: string | null;
}

/**
 * A service in virtual time: what a day of traffic looks like cannot be sent as real requests through a server whose
 * clock jumps. The adapters proper have contract suites against real processes and real HTTP.
 */
export function createScriptedService(now: () => Promise<number>, calls: string[] = [], name = '') {
  const scripts = new Map<string, Script>();
  const failures = new Map<Step, Failure>();
  const called = (what: string) => calls.push(name === '' ? what : `${name}: ${what}`);
  const hung = new Set<(reason: Error) => void>();
  const state = {
    configured: 'v1',
    running: 'v1' as string,
    startedAtMs: 0,
    /** What was started beside; `null`: nothing. */
    beside: null as { release: string; startedAtMs: number } | null,
    way: 'replace' as RollbackWay,
    restartKey: '',
    /** The recipe that the last restore was given. */
    restoredFrom: null as string | null,
    maintenance: false,
    trafficTo: 'v1' as string | null,
    blind: null as string | null,
    /** Blind by the clock (milliseconds since the epoch). */
    blindWhen: (_atMs: number): boolean => false,
    unrestorable: new Set<string>(),
    carry: { errors: 0, db: 0 },
  };

  async function maybeFail(step: Step): Promise<void> {
    const failure = failures.get(step);
    if (failure === undefined || failure.times <= 0) return;
    failure.times -= 1;
    if (failure.message !== null) throw new Error(failure.message);
    await new Promise((_resolve, reject) => hung.add(reject));
  }

  async function behaviour(release: string | null = state.running): Promise<Behaviour> {
    const { running, startedAtMs, beside } = state;
    const sinceMs = beside !== null && release === beside.release ? beside.startedAtMs : startedAtMs;
    return { ...calm, ...scripts.get(release ?? running)?.((await now()) - sinceMs) };
  }

  function instances(): Instance[] {
    const of = (release: string, ids: readonly string[]) =>
      ids.map((id) => ({ id, release, running: true, url: `http://scripted/${id}` }));
    return [
      ...of(state.running, ['0', '1']),
      ...(state.beside === null ? [] : of(state.beside.release, ['2', '3'])),
    ];
  }

  const target: DeployTarget = {
    async live() {
      await maybeFail('live');
      const recipe = `image of ${state.configured}`;
      return { configured: state.configured, instances: instances(), recipe };
    },
    async restorable(_service, release) {
      return state.unrestorable.has(release)
        ? { restorable: false, reason: 'its image is gone' }
        : { restorable: true, reason: 'the image is there' };
    },
    async restore(_service, release, step) {
      called(`restore ${release}`);
      state.restoredFrom = step.recipe ?? null;
      await maybeFail('restore');
      state.configured = release;
    },
    async restart(_service, step) {
      called(`restart ${state.configured}`);
      await maybeFail('restart');
      if (state.restartKey === step.key) return;
      state.restartKey = step.key;
      state.running = state.configured;
      state.startedAtMs = await now();
    },
    beside: {
      async start(_service, release) {
        called(`start ${release} beside ${state.running}`);
        await maybeFail('beside');
        state.beside ??= { release, startedAtMs: await now() };
      },
      async settle(_service, release) {
        called(`settle on ${release}`);
        await maybeFail('settle');
        if (state.beside === null) return;
        state.startedAtMs = state.beside.startedAtMs;
        state.configured = release;
        state.running = release;
        state.beside = null;
      },
      async giveUp(_service, release) {
        called(`give up ${release}`);
        state.beside = null;
      },
    },
  };

  const metrics: MetricsSource = {
    async measure({ cursor, instances: asked }): Promise<Measurement> {
      const atMs = await now();
      if (state.blindWhen(atMs)) return { kind: 'timeout', reason: 'no answer in 5 s' };
      if (state.blind !== null) return { kind: 'error', reason: state.blind };
      const current = await behaviour(asked[0]?.release);
      const minutes = typeof cursor === 'number' ? (atMs - cursor) / 60_000 : 0;
      const served = state.maintenance ? 0 : minutes;
      return {
        kind: 'measured',
        cursor: atMs,
        missing: [],
        counts: {
          requests: Math.round(current.requestsPerMinute * served),
          errors: whole('errors', current.errorsPerMinute * served),
          latency: histogram(current.p95Ms, Math.round(current.requestsPerMinute * served)),
          dbConnectionErrors: whole('db', current.dbErrorsPerMinute * served),
          memoryPercent: current.memoryPercent,
          cpuPercent: 30,
          affectedUsers: null,
        },
      };
    },
  };

  /** Rates below one an interval still become whole events. */
  function whole(what: 'errors' | 'db', amount: number): number {
    state.carry[what] += amount;
    const count = Math.floor(state.carry[what]);
    state.carry[what] -= count;
    return count;
  }

  const probe: HealthProbe = {
    async probe(asked) {
      return Promise.all(
        asked.map(async ({ id, release }) => {
          const { healthy } = await behaviour(release);
          return { instance: id, healthy, detail: healthy ? '200' : '503' };
        }),
      );
    },
  };

  const traffic: TrafficControl = {
    async state() {
      return {
        maintenance: state.maintenance,
        weights: state.trafficTo === null ? {} : { [state.trafficTo]: 100 },
      };
    },
    async stop() {
      called('stop traffic');
      await maybeFail('stop');
      state.maintenance = true;
    },
    async resume(_service, { release }) {
      called(`resume ${release}`);
      await maybeFail('resume');
      state.maintenance = false;
      state.trafficTo = release;
    },
  };

  return {
    target,
    metrics,
    probe,
    traffic,
    state,
    calls,
    /** Says how a release behaves; what is not said is calm. */
    script: (release: string, script: Script) => scripts.set(release, script),
    fail: (step: Step, message: string, times = 1) => failures.set(step, { times, message }),
    /** The step is begun and never answers, also when it is cancelled. */
    hang: (step: Step, times = 1) => failures.set(step, { times, message: null }),
    /** Ends what hangs, as a failure; nobody waits for it any more. */
    answer(): void {
      failures.clear();
      for (const reject of hung) reject(new Error('answered too late'));
      hung.clear();
    },
    /** What a pipeline does: the release is live from now on. */
    async deploy(release: string): Promise<void> {
      state.configured = release;
      state.running = release;
      state.trafficTo = release;
      state.startedAtMs = await now();
    },
  };
}

export type ScriptedService = ReturnType<typeof createScriptedService>;

const boundsMs = [50, 100, 200, 250, 300, 350, 400, 500, 700, 1000, 2000, 5000];

/** 94 % of the requests well below the wanted p95, the rest just around it. */
export function histogram(p95Ms: number, requests: number): Histogram {
  const counts = boundsMs.map(() => 0).concat(0);
  const place = (ms: number) => {
    const found = boundsMs.findIndex((bound) => ms <= bound);
    return found === -1 ? boundsMs.length : found;
  };
  const slow = Math.round(requests * 0.06);
  counts[place(p95Ms / 2)] = requests - slow;
  counts[place(p95Ms)] = (counts[place(p95Ms)] ?? 0) + slow;
  return { boundsMs, counts };
}
