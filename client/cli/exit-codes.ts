/** What the CLI's exit codes mean; part of its contract, scripts branch on them. */
export const exitCode = {
  ok: 0,
  /** Refused, or it went wrong. */
  failure: 1,
  /** Wrong usage or configuration. */
  usage: 2,
  notFound: 3,
  /** The deployment was rolled back or needs attention: a pipeline can branch on it. */
  degraded: 4,
  /** Temporal, the store or the API does not answer. */
  unavailable: 5,
  /** The gate is shut: do not deploy this now. */
  refused: 6,
  timeout: 124,
  interrupted: 130,
} as const;

/** Ends the command with a sentence on stderr and a code of ours. */
export class CommandFailure extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.name = 'CommandFailure';
    this.code = code;
  }
}
