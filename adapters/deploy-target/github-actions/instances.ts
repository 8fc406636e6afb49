import type { Instance } from '../../../domain/live.ts';
import { askJson, type JsonAnswer } from '../../http/ask-json.ts';

export interface InstancePages {
  /** Addresses of the instances, or of the service: what stands before `path`. */
  readonly urls: readonly string[];
  /** Answers JSON with the release; default `/version`. */
  readonly path?: string;
  /** Where in that JSON; default `version`. */
  readonly field?: string;
}

const timeoutMs = 5_000;
const maxBytes = 65_536;

/** What each instance itself says that it runs. */
export async function askInstances(
  { urls, path = '/version', field = 'version' }: InstancePages,
  signal: AbortSignal,
): Promise<Instance[]> {
  return Promise.all(
    urls.map(async (url) => {
      const id = URL.canParse(url) ? new URL(url).host : url;
      const page = `${url.replace(/\/$/, '')}${path}`;
      const answer = await askJson({ method: 'GET', url: page, timeoutMs, maxBytes, signal });
      signal.throwIfAborted();
      const release = releaseIn(answer, field);
      if (release !== null) return { id, release, running: true, url };
      const found = answer.kind === 'answered' ? `it does not tell ${field} in JSON` : answer.found;
      return { id, release: null, running: false, url: null, trouble: `${page}: ${found}` };
    }),
  );
}

function releaseIn(answer: JsonAnswer, field: string): string | null {
  if (answer.kind !== 'answered') return null;
  const value =
    typeof answer.value === 'string' ? answer.value : (answer.value as Record<string, unknown>)?.[field];
  return typeof value === 'string' && value !== '' ? value : null;
}
