import { releaseNames } from '../../../domain/deployment.ts';
import { apiClient, type CommonOptions, print, scopeOf, whoAmI } from '../context.ts';
import { releasesOf } from '../releases-of.ts';
import { timeOf } from '../time-of.ts';

interface Options extends CommonOptions {
  readonly id?: string;
  readonly at?: string;
  readonly changedAt?: string;
  readonly callback?: string;
  readonly good?: string;
  readonly rollbackFloor?: string;
  readonly floorReason?: string;
}

/** `orchestrator deployed PRODUCT RELEASE` or `SERVICE=RELEASE,…`. */
export async function deployed([product, releases]: string[], options: Options): Promise<void> {
  const answer = await apiClient(options).reportDeployment({
    ...scopeOf(product as string, options),
    ...releasesOf(releases as string),
    ...(options.id === undefined ? {} : { deployment: options.id }),
    ...(options.at === undefined ? {} : { deployedAt: timeOf('--at', options.at) }),
    ...(options.changedAt === undefined ? {} : { changedAt: timeOf('--changed-at', options.changedAt) }),
    ...(options.callback === undefined ? {} : { callback: options.callback }),
    ...(options.good === undefined ? {} : { good: { by: whoAmI(), reason: options.good } }),
    ...(options.rollbackFloor === undefined
      ? {}
      : {
          rollbackFloor: {
            ...releasesOf(options.rollbackFloor),
            by: whoAmI(),
            reason: options.floorReason ?? 'declared with the deployment',
          },
        }),
  });
  const { deployment, isNew, notes, link } = answer;
  const lines = [
    `${isNew ? 'Recorded' : 'Known already'}: ${deployment.deployment} of ${deployment.product}, ${releaseNames(deployment.services)}, ${deployment.status}`,
    ...notes,
    ...(link === null ? [] : [`Story: ${link}`]),
  ];
  print(options, answer, lines.join('\n'));
}
