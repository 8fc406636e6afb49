import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { ApiError } from '../api-error.ts';

/** Requests a minute, of one caller each; measurements that instances push are not counted. */
const perMinute = { read: 1_200, command: 120, unproven: 30 } as const;

export type Counted = keyof typeof perMinute;

/** Throws 429 when somebody asks too often. A rollback and a reading are counted apart, so that a page left open never bars a command. */
export function createRateLimits() {
  const limiters = {
    read: limiter('read'),
    command: limiter('command'),
    unproven: limiter('unproven'),
  };
  return async function count(what: Counted, who: string): Promise<void> {
    try {
      await limiters[what].consume(who);
    } catch (error) {
      if (!(error instanceof RateLimiterRes)) throw error;
      throw new TooManyRequests(perMinute[what], error.msBeforeNext);
    }
  };
}

export class TooManyRequests extends ApiError {
  readonly retryAfterSeconds: number;

  constructor(allowed: number, msBeforeNext: number) {
    const seconds = Math.max(1, Math.ceil(msBeforeNext / 1_000));
    super(429, `too many requests: ${allowed} a minute are allowed; try again in ${seconds} s`);
    this.retryAfterSeconds = seconds;
  }
}

function limiter(what: Counted): RateLimiterMemory {
  return new RateLimiterMemory({ points: perMinute[what], duration: 60 });
}
