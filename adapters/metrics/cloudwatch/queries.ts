import { fillPlaceholders, placeholderProblem } from '../placeholders.ts';
import type { StepSignal } from '../steps.ts';

/** One metric, or an expression that stands by itself, as `SEARCH` or Metrics Insights do. */
export type MetricQuery =
  | {
      readonly namespace: string;
      readonly metric: string;
      readonly dimensions: Readonly<Record<string, string>>;
      /** `Sum`, `Maximum`, `Average`, `p95` … */
      readonly stat: string;
    }
  | { readonly expression: string };

/** What is asked, by signal; of several queries counts add up, of gauges the highest counts. */
export type CloudWatchQueries = { readonly [Signal in StepSignal]?: readonly MetricQuery[] | undefined };

export interface AlbMetrics {
  /** As CloudWatch names it: `app/shop/50dc6c495c0c9188`. */
  readonly loadBalancer: string;
  /** `targetgroup/blue/73e2d6bc24d8a067`; those of two releases beside each other are added up. */
  readonly targetGroups: readonly string[];
}

/**
 * Of an Application Load Balancer. A target that refuses the connection answers nothing, so that its errors are in no status; health checks
 * are in none of them. Requests that never found a target are not told by target group.
 */
export function albQueries(
  { loadBalancer, targetGroups }: AlbMetrics,
  percentile: string,
): CloudWatchQueries {
  const of = (metric: string, stat: string): MetricQuery[] =>
    targetGroups.map((TargetGroup) => ({
      namespace: 'AWS/ApplicationELB',
      metric,
      dimensions: { LoadBalancer: loadBalancer, TargetGroup },
      stat,
    }));
  return {
    requests: of('RequestCount', 'Sum'),
    errors: [...of('HTTPCode_Target_5XX_Count', 'Sum'), ...of('TargetConnectionErrorCount', 'Sum')],
    latencyMs: of('TargetResponseTime', percentile),
    // Told each minute, requests or none.
    alive: of('HealthyHostCount', 'Maximum'),
  };
}

export interface EcsMetrics {
  readonly cluster: string;
  readonly service: string;
}

/** Percent of what the tasks of the service have reserved. */
export function ecsQueries({ cluster, service }: EcsMetrics): CloudWatchQueries {
  const of = (metric: string, stat: string): MetricQuery[] => [
    { namespace: 'AWS/ECS', metric, dimensions: { ClusterName: cluster, ServiceName: service }, stat },
  ];
  return { memoryPercent: of('MemoryUtilization', 'Maximum'), cpuPercent: of('CPUUtilization', 'Average') };
}

const names = ['product', 'environment', 'service'] as const;

export type Placeholders = Readonly<Record<(typeof names)[number], string>>;

export function fillQuery(query: MetricQuery, { product, environment, service }: Placeholders): MetricQuery {
  const fill = (text: string) => fillPlaceholders(text, { product, environment, service });
  if ('expression' in query) return { expression: fill(query.expression) };
  const dimensions = Object.entries(query.dimensions).map(([name, value]) => [name, fill(value)]);
  return { ...query, dimensions: Object.fromEntries(dimensions) };
}

/** The sentence that says what is wrong with a text of a user's query, or `null`. */
export function cloudWatchQueryProblem(text: string): string | null {
  return placeholderProblem(text, names);
}
