import type { Found, FoundService, Where } from './found.ts';

/** All that the configuration is written from. */
export interface Answers {
  readonly product: string;
  readonly owner: string;
  readonly services: readonly ServiceAnswers[];
  readonly metrics: MetricsAnswers;
  /** Which channels people want; those whose variable is not set are written as a comment. */
  readonly channels: readonly ChannelKind[];
  readonly github: { readonly owner: string; readonly repo: string } | null;
  readonly kubeContext: string | null;
  readonly mode: 'act' | 'observe';
  /** Whether releases are tags of this repository. */
  readonly isGitRepository: boolean;
}

export interface ServiceAnswers {
  readonly name: string;
  readonly where: Where;
  readonly port: number | null;
  readonly healthPath: string;
  readonly memoryLimitMb: number | null;
}

export type MetricsAnswers =
  | { readonly kind: 'scrape' }
  | { readonly kind: 'otlp' }
  | {
      readonly kind: 'prometheus';
      readonly url: string;
      readonly set: string | null;
      readonly jobs: readonly string[];
    };

export type ChannelKind = 'slack' | 'email' | 'webhook';

/** Without anybody to ask: what was found, and defaults. */
export function assumed(found: Found, account: string): Answers {
  const { product, owner, services, prometheus, querySet, github, kubeContext, isGitRepository } = found;
  return {
    product,
    owner: owner ?? account,
    services: services.map(withDefaults),
    metrics:
      prometheus === null
        ? { kind: 'scrape' }
        : { kind: 'prometheus', url: prometheus.url, set: querySet, jobs: prometheus.jobs },
    channels: ['slack', 'email'],
    github,
    kubeContext,
    mode: 'act',
    isGitRepository,
  };
}

export function withDefaults(service: FoundService): ServiceAnswers {
  return { ...service, healthPath: service.healthPath ?? '/healthz' };
}
