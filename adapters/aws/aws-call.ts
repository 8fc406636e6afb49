/** What AWS answered instead of what was asked for. */
export class AwsError extends Error {
  /** AWS's own word: `ThrottlingException`. */
  readonly code: string;
  /** It may work in a moment: too many calls, an error of AWS's own, a connection that broke. */
  readonly passing: boolean;
  constructor(message: string, options: { code: string; passing: boolean; cause: unknown }) {
    super(message, { cause: options.cause });
    this.code = options.code;
    this.passing = options.passing;
  }
}

/** Sends one call with the signal it is given. */
export type AwsCall = <T>(name: string, send: (abortSignal: AbortSignal) => Promise<T>) => Promise<T>;

export interface AwsPlace {
  readonly region: string;
  /** Of one call, the SDK's retries included; milliseconds. */
  readonly timeoutMs: number;
  /** Before the name of a call in a policy: `ecs`. */
  readonly permissions: string;
}

/** Calls of one step: each with a time limit, and words for what went wrong. */
export function awsCalls({ region, timeoutMs, permissions }: AwsPlace, signal: AbortSignal): AwsCall {
  return async (name, send) => {
    signal.throwIfAborted();
    const limit = AbortSignal.timeout(timeoutMs);
    try {
      return await send(AbortSignal.any([signal, limit]));
    } catch (error) {
      signal.throwIfAborted();
      const code = error instanceof Error ? error.name : '';
      if (limit.aborted) {
        const message = `AWS did not answer ${name} in ${region} within ${timeoutMs} ms`;
        throw new AwsError(message, { code, passing: true, cause: error });
      }
      const message = `AWS refused ${name} in ${region}: ${awsWords(error, `${permissions}:${name}`)}`;
      throw new AwsError(message, { code, passing: isPassing(error), cause: error });
    }
  };
}

interface SdkError extends Error {
  readonly code?: string;
  readonly $fault?: string;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly attempts?: number };
}

const hints: readonly [RegExp, (right: string) => string][] = [
  [/^(AccessDenied|UnauthorizedOperation)/, (right) => `the worker needs ${right}`],
  [
    /^(ExpiredToken|InvalidClientTokenId|UnrecognizedClient|CredentialsProviderError)/,
    (right) => `the worker's credentials for AWS must be renewed, for ${right.split(':')[1]}`,
  ],
];

/** What AWS said, with the right or the credentials that are missing; its own message no longer than `longest`. */
export function awsWords(error: unknown, right: string, longest = 500): string {
  if (!(error instanceof Error)) return String(error);
  const { $metadata } = error as SdkError;
  const status = $metadata?.httpStatusCode === undefined ? '' : `HTTP ${$metadata.httpStatusCode} `;
  const tries = ($metadata?.attempts ?? 1) > 1 ? ` (${$metadata?.attempts} attempts)` : '';
  const hint = hints.find(([pattern]) => pattern.test(error.name));
  const mend = hint === undefined ? '' : `; ${hint[1](right)}`;
  return `${status}${error.name}: ${error.message.slice(0, longest)}${tries}${mend}`;
}

function isPassing(error: unknown): boolean {
  const { name, code, $fault, $metadata } = error as SdkError;
  const status = $metadata?.httpStatusCode ?? 0;
  if (/^(Throttl|TooManyRequests|RequestLimitExceeded)/.test(name) || status >= 500) return true;
  return $fault === undefined && (code !== undefined || /^(TimeoutError|SyntaxError)$/.test(name));
}
