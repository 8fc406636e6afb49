import { setTimeout as sleep } from 'node:timers/promises';

const pollMs = 10;

/** Counts the requests under way for each release. */
export interface InFlight {
  /** Counts a request until the returned function is called. */
  enter(release: string): () => void;
  /** Requests under way per release; releases without any are left out. */
  counts(): Readonly<Record<string, number>>;
  /** Returns when no request to other releases is under way, or after the time, with how many are left. */
  drain(staying: readonly string[], timeoutMs: number): Promise<number>;
}

export function createInFlight(): InFlight {
  const underWay = new Map<string, number>();

  const leaving = (staying: readonly string[]) =>
    [...underWay].reduce((sum, [release, count]) => (staying.includes(release) ? sum : sum + count), 0);

  return {
    enter(release) {
      underWay.set(release, (underWay.get(release) ?? 0) + 1);
      return () => {
        const left = (underWay.get(release) ?? 1) - 1;
        if (left === 0) underWay.delete(release);
        else underWay.set(release, left);
      };
    },
    counts: () => Object.fromEntries(underWay),
    async drain(staying, timeoutMs) {
      const deadline = performance.now() + timeoutMs;
      while (leaving(staying) > 0 && performance.now() < deadline) await sleep(pollMs);
      return leaving(staying);
    },
  };
}
