import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { isCode, replaceFile } from '../../durable-file.ts';

const release = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:@/+~-]{0,199}$/, 'is not a release name');
const backend = z
  .url({ protocol: /^http$/ })
  .refine(
    (url) => URL.canParse(url) && new URL(url).origin === url,
    'must be an origin, like http://127.0.0.1:4101',
  );
const share = z.strictObject({
  weight: z.number().min(0).max(1_000_000),
  backends: z.array(backend).max(1_000),
});
const maintenance = z.strictObject({
  reason: z.string().min(1).max(1_000),
  retryAfterSeconds: z.int().min(1).max(86_400),
});

const stateSchema = z
  .strictObject({ maintenance: maintenance.nullable(), releases: z.record(release, share) })
  .superRefine((state, context) => {
    for (const [name, { weight, backends }] of Object.entries(state.releases)) {
      if (weight === 0 || backends.length > 0) continue;
      const message = 'needs a backend, because its weight is above 0';
      context.addIssue({ code: 'custom', path: ['releases', name, 'backends'], message });
    }
    if (state.maintenance !== null || receiving(state).length > 0) return;
    const message = 'without maintenance at least one release needs a weight above 0';
    context.addIssue({ code: 'custom', path: ['releases'], message });
  });

/** Who gets the user traffic of the one service behind the proxy. */
export interface ProxyState {
  /** Not `null`: every new request is answered 503 with the reason. */
  readonly maintenance: { readonly reason: string; readonly retryAfterSeconds: number } | null;
  /** Traffic is shared out in proportion to the weights. */
  readonly releases: Readonly<Record<string, ReleaseShare>>;
}

export interface ReleaseShare {
  readonly weight: number;
  /** Origins, like `http://127.0.0.1:4101`. */
  readonly backends: readonly string[];
}

/** What a proxy knows before it is told anything. */
export const emptyState: ProxyState = { maintenance: null, releases: {} };

/** The state that a JSON text describes; throws one sentence per problem. */
export function parseState(text: string): ProxyState {
  const result = stateSchema.safeParse(parseJson(text));
  if (result.success) return result.data;
  throw new Error(
    result.error.issues.map(({ path, message }) => `${path.join('.') || 'the state'}: ${message}`).join('; '),
  );
}

/** The state kept in the file; a file that cannot be understood is an error, since it may say "maintenance". */
export async function loadState(file: string): Promise<ProxyState> {
  try {
    return parseState(await readFile(file, 'utf8'));
  } catch (error) {
    if (isCode(error, 'ENOENT')) return emptyState;
    throw new Error(`cannot restore the proxy's state from ${file}: ${wordsOf(error)}`, { cause: error });
  }
}

/** Returns when the state is on the disk. */
export async function saveState(file: string, state: ProxyState): Promise<void> {
  await replaceFile(file, `${JSON.stringify(state, null, 2)}\n`);
}

/** The releases which new requests go to. */
export function receiving(state: ProxyState): string[] {
  if (state.maintenance !== null) return [];
  return Object.keys(state.releases).filter((name) => (state.releases[name]?.weight ?? 0) > 0);
}

/** The release for one more request; `at` is a random number from 0 up to 1. `null`: none receives traffic. */
export function chooseRelease(state: ProxyState, at: number): string | null {
  const shares = receiving(state).map((name) => ({ name, weight: state.releases[name]?.weight ?? 0 }));
  let left = at * shares.reduce((sum, { weight }) => sum + weight, 0);
  for (const { name, weight } of shares) {
    left -= weight;
    if (left < 0) return name;
  }
  return shares.at(-1)?.name ?? null;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`not JSON: ${wordsOf(error)}`);
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
