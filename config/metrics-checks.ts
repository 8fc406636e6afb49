import { cloudWatchQueryProblem } from '../adapters/metrics/cloudwatch/queries.ts';
import { datadogQueryProblem } from '../adapters/metrics/datadog/queries.ts';
import { jsonUrlProblem } from '../adapters/metrics/json.ts';
import { queryProblem, querySets } from '../adapters/metrics/prometheus/queries.ts';
import type { Finding } from './findings.ts';
import type { MetricsSettings } from './schema/metrics-sources.ts';
import type { ProductSettings } from './schema/product.ts';
import type { ServiceSettings } from './schema/service.ts';
import type { Path, YamlFile } from './yaml-file.ts';

/** What is wrong with what metrics sources are asked. */
export function metricsProblems(product: string, settings: ProductSettings, yaml: YamlFile): Finding[] {
  return Object.entries(settings.services).flatMap(([service, { metrics }]) => {
    const at: Path = ['products', product, 'services', service, 'metrics'];
    return (metrics === undefined ? [] : problemsOf(metrics)).map(({ place, found }) =>
      yaml.at([...at, ...place], `found ${found}`),
    );
  });
}

function cloudWatchProblems({ alb, queries }: Extract<MetricsSettings, { kind: 'cloudwatch' }>): Problem[] {
  const lacks = alb == null && (queries?.requests === undefined || queries.errors === undefined);
  const written = Object.entries(queries ?? {}).flatMap(([signal, list]) =>
    list.map((query, i) => [['queries', signal, i], query] as const),
  );
  return [
    ...(lacks ? [noMetrics] : []),
    ...written.flatMap(([place, { expression, namespace, metric, stat, dimensions }]) => {
      const parts = [namespace, metric, stat];
      const isWhole =
        expression === undefined
          ? !parts.includes(undefined)
          : [...parts, dimensions].every((part) => part === undefined);
      if (!isWhole)
        return [
          { place, found: 'a mapping; allowed: namespace, metric, stat and dimensions, or expression alone' },
        ];
      const texts = [expression, ...Object.values(dimensions ?? {})];
      return texts.flatMap((text) => problemIn(place, text, cloudWatchQueryProblem));
    }),
  ];
}

const noMetrics: Problem = {
  place: ['queries'],
  found: 'no alb, and not both of requests and errors; allowed: alb, or queries for requests and errors',
};

const noQueries: Problem = {
  place: ['queries'],
  found:
    'no operation, and not both of requests and errors; allowed: operation, or queries for requests and errors',
};

interface Problem {
  readonly place: Path;
  readonly found: string;
}

function problemsOf(metrics: MetricsSettings): Problem[] {
  switch (metrics.kind) {
    case 'prometheus': {
      const own = Object.entries(metrics.queries ?? {}).map(
        ([name, query]) => [['queries', name], query] as const,
      );
      const written = [...own, [['selector'], metrics.selector] as const];
      return written.flatMap(([place, query]) => problemIn(place, query, queryProblem));
    }
    case 'json': {
      const { url, path } = metrics;
      if (url !== undefined && path !== undefined)
        return [{ place: ['path'], found: 'a path beside url; allowed: one of them' }];
      return problemIn(['url'], url, jsonUrlProblem);
    }
    case 'datadog': {
      const { operation, queries } = metrics;
      const written = Object.entries(queries ?? {});
      const lacks =
        operation === undefined && (queries?.requests === undefined || queries.errors === undefined);
      return [
        ...(lacks ? [noQueries] : []),
        ...written.flatMap(([name, query]) =>
          problemIn(['queries', name], query, (text) => datadogQueryProblem(name, text)),
        ),
      ];
    }
    case 'cloudwatch':
      return cloudWatchProblems(metrics);
    case 'scrape':
    case 'otlp':
      return [];
  }
}

function problemIn(
  place: Path,
  query: string | undefined,
  judge: (query: string) => string | null,
): Problem[] {
  const problem = query === undefined ? null : judge(query);
  return problem === null ? [] : [{ place, found: `a query in which ${problem}` }];
}

/** Percentiles of which another is judged than is asked for. */
export function percentileLack(metrics: ServiceSettings['metrics'], judged: string): string | null {
  if (metrics?.kind !== 'datadog' && metrics?.kind !== 'cloudwatch') return null;
  if (metrics.queries?.latency !== undefined) return null;
  const { percentile = 'p95' } = metrics;
  return percentile === judged
    ? null
    : `the trigger judges ${judged}, and ${percentile} is asked for; allowed: percentile: ${judged}`;
}

/** Why memory is not judged where no limit is given, or `null`: it is. */
export function memoryLack(metrics: ServiceSettings['metrics']): string | null {
  if (metrics?.kind === 'json') {
    const { memory_percent, memory_bytes, memory_limit_bytes } = metrics.values;
    if (memory_percent !== undefined || (memory_bytes !== undefined && memory_limit_bytes !== undefined))
      return null;
    return 'allowed is memory_percent, or memory_bytes with memory_limit_bytes or memory_limit_mb';
  }
  if (metrics?.kind === 'otlp')
    return metrics.names?.memory_percent === undefined
      ? 'memory_limit_mb is missing, and without it bytes say nothing'
      : null;
  if (metrics?.kind === 'cloudwatch')
    return metrics.ecs == null && metrics.queries?.memory_percent === undefined
      ? 'nothing is asked about memory: allowed is ecs, or queries for memory_percent'
      : null;
  if (metrics?.kind === 'datadog')
    return metrics.queries?.memory_percent === undefined
      ? 'nothing is asked about memory: allowed is a query memory_percent'
      : null;
  if (metrics?.kind !== 'prometheus') {
    const shown = metrics?.names?.memory_percent ?? 'memory_usage_percent';
    return `memory_limit_mb is missing, and without it only a metrics page that shows ${shown} is judged`;
  }
  if (metrics.queries?.memory_percent !== undefined) return null;
  const set = metrics.set ?? (metrics.queries?.requests === undefined ? 'prom-client' : null);
  if (set === 'spring-boot') return null;
  if (set !== null && 'memoryBytes' in querySets[set].queries)
    return 'memory_limit_mb is missing, and without it bytes say nothing';
  if (metrics.queries?.memory_bytes !== undefined) return 'memory_limit_mb is missing';
  return 'nothing is asked about memory: allowed is a query memory_percent';
}
