import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { ApiError } from '../api-error.ts';

/** Requests a minute, of one caller each; measurements that instances push are not counted. */
export const usualLimits = { read: 6_000, command: 120, unproven: 30 };

export type Counted = keyof typeof usualLimits;
export type RateLimits = Readonly<Record<Counted, number>>;

/** Throws 429 when somebody asks too often. A rollback and a reading are counted apart, so that a page left open never bars a command. */
export function createRateLimits(perMinute: RateLimits = usualLimits) {
  const limiter = (what: Counted) => new RateLimiterMemory({ points: perMinute[what], duration: 60 });
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
