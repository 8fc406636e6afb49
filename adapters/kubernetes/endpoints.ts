import { setTimeout as sleep } from 'node:timers/promises';
import type { KubernetesApi } from './api.ts';

interface EndpointSlice {
  readonly endpoints?:
    | readonly {
        readonly conditions?: { readonly ready?: boolean };
        readonly targetRef?: { readonly kind?: string; readonly name?: string };
      }[]
    | null;
}

const lookEveryMs = 100;

/** Names of the pods that a Service sends traffic to, as Kubernetes tells the nodes. */
export async function endpointsOf(
  api: KubernetesApi,
  namespace: string,
  service: string,
  signal: AbortSignal,
): Promise<string[]> {
  const slices = await api.list<EndpointSlice>(
    `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`,
    { labelSelector: `kubernetes.io/service-name=${service}` },
    signal,
  );
  const ready = slices
    .flatMap(({ endpoints }) => endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready !== false);
  return [...new Set(ready.flatMap(({ targetRef }) => targetRef?.name ?? []))];
}

/** Polls until it is so; after the time the last words are the error. */
export async function untilInForce(
  what: string,
  { withinMs, signal }: { readonly withinMs: number; readonly signal: AbortSignal },
  obstacle: () => Promise<string | null>,
): Promise<void> {
  const deadlineMs = performance.now() + withinMs;
  for (;;) {
    const found = await obstacle();
    if (found === null) return;
    if (performance.now() > deadlineMs)
      throw new Error(`${what} is not in force after ${withinMs / 1_000} s: ${found}`);
    await sleep(lookEveryMs, undefined, { signal }).catch(() => undefined);
    signal.throwIfAborted();
  }
}
