import type { FoundPrometheus } from './prometheus.ts';

/** Where a service runs, as far as its folder tells. */
export type Where =
  | { readonly kind: 'kubernetes'; readonly namespace: string; readonly workload: string }
  | { readonly kind: 'systemd' }
  /** A script that deploys, relative to the folder; `null`: none is there. */
  | { readonly kind: 'command'; readonly script: string | null };

export interface FoundService {
  readonly name: string;
  readonly where: Where;
  readonly port: number | null;
  readonly memoryLimitMb: number | null;
  readonly healthPath: string | null;
}

/** What a folder tells. */
export interface Found {
  readonly product: string;
  readonly owner: string | null;
  readonly services: readonly FoundService[];
  /** Of the kube context. */
  readonly namespace: string;
  /** Its name: a later `use-context` must not turn rollbacks to another cluster; `null`: there is none. */
  readonly kubeContext: string | null;
  readonly prometheus: FoundPrometheus | null;
  /** Which ready-made queries fit, as far as the dependencies tell. */
  readonly querySet: string | null;
  readonly github: { readonly owner: string; readonly repo: string } | null;
  readonly isGitRepository: boolean;
  /** What was found and where, one line each. */
  readonly lines: readonly string[];
}
