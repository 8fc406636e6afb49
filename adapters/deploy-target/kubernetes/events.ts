import type { KubernetesApi } from '../../kubernetes/api.ts';
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
    signal.throwIfAborted();
    return [{ reason: 'the events cannot be read', message: error.message }];
  });
  const newest = events.toSorted((a, b) => timeOf(b).localeCompare(timeOf(a)))[0];
  return newest === undefined ? null : said(newest.reason ?? 'Warning', newest.message);
}

const timeOf = ({ lastTimestamp, eventTime }: PlatformEvent) => lastTimestamp ?? eventTime ?? '';
