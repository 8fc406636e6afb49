import { type KubernetesApi, KubernetesError } from '../../kubernetes/api.ts';
import { said } from './instances.ts';
import type { Metadata, PlatformEvent } from './objects.ts';

/**
 * The newest warning about an object, in the platform's words. Where pods cannot be made (a quota, an admission webhook) or cannot
 * start (a volume, a failing probe) it is the only place that says why. Without the right to read events there is none.
 */
export async function newestWarning(
  api: KubernetesApi,
  { namespace, uid }: { readonly namespace: string; readonly uid: Metadata['uid'] },
  signal: AbortSignal,
): Promise<string | null> {
  const fieldSelector = `involvedObject.uid=${uid},type=Warning`;
  const path = `/api/v1/namespaces/${namespace}/events`;
  const events = await api.list<PlatformEvent>(path, { fieldSelector }, signal).catch((error: Error) => {
    if (error instanceof KubernetesError && error.status === 403) return [];
    throw error;
  });
  const newest = events.toSorted((a, b) => timeOf(b).localeCompare(timeOf(a)))[0];
  return newest === undefined ? null : said(newest.reason ?? 'Warning', newest.message);
}

/** Why a controller cannot make pods; other warnings about a workload are old stories. */
export async function failedCreate(...asked: Parameters<typeof newestWarning>): Promise<string | null> {
  const words = await newestWarning(...asked);
  return words?.startsWith('FailedCreate') ? words : null;
}

const timeOf = ({ lastTimestamp, eventTime }: PlatformEvent) => lastTimestamp ?? eventTime ?? '';
