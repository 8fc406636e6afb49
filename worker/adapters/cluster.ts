import type { ClusterAccess } from '../../adapters/kubernetes/connect.ts';
import { text, type Written } from './written.ts';

interface ClusterSettings {
  readonly kubeconfig?: string;
  readonly context?: string;
}

/** Which cluster, for deploy targets and traffic controls alike. */
export function clusterOf({ kubeconfig, context }: ClusterSettings, written: Written): ClusterAccess {
  return {
    ...(kubeconfig !== undefined && { kubeconfig: written.path(kubeconfig) }),
    context: text(context, written),
  };
}
