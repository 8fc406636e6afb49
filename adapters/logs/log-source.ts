export interface LogRequest {
  readonly service: string;
  /** The release whose logs are wanted. */
  readonly release: string;
  readonly sinceMs: number;
  readonly untilMs: number;
  /** At most this many lines. */
  readonly limit: number;
  readonly signal: AbortSignal;
}

export interface LogExcerpt {
  /** The first matching lines since `sinceMs`, oldest first, each cut to 2,000 characters. */
  readonly lines: readonly string[];
  /** How many lines matched in all. */
  readonly total: number;
  /** Where the rest is. */
  readonly reference: string;
}

export interface LogSource {
  excerpt(request: LogRequest): Promise<LogExcerpt>;
}
