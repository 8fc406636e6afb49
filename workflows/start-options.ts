import { releaseNames, type ServiceRelease } from '../domain/deployment.ts';
import { type DeploymentKey, productName } from '../domain/identity.ts';
import { searchAttributes } from './presence.ts';

interface Started {
  readonly key: DeploymentKey;
  readonly services: readonly ServiceRelease[];
  readonly searchAttributes: boolean;
}

/** How a workflow introduces itself in the Temporal Web UI: static summary, memo and search attributes. */
export function workflowMemo(kind: 'monitor' | 'rollback' | 'post-mortem' | 'standby', started: Started) {
  const release = releaseNames(started.services);
  const verb = {
    monitor: 'Watching',
    rollback: 'Rolling back',
    'post-mortem': 'Post-mortem of',
    standby: 'On standby:',
  }[kind];
  return {
    staticSummary: `${verb} ${productName(started.key)} ${release}`,
    memo: {
      product: started.key.product,
      environment: started.key.environment,
      deployment: started.key.deployment,
      release,
    },
    ...(started.searchAttributes
      ? {
          typedSearchAttributes: [
            { key: searchAttributes.product, value: started.key.product },
            { key: searchAttributes.release, value: release },
            { key: searchAttributes.phase, value: 'starting' },
          ],
        }
      : {}),
  };
}
