import { fillPlaceholders, placeholderProblem } from '../placeholders.ts';
import type { StepSignal } from '../steps.ts';

/** What is asked, by signal. Counts are asked for with `as_count()`: a rate says nothing of how many there were. */
export type DatadogQueries = { readonly [Signal in StepSignal]?: string | undefined };

/**
 * Those of APM. `trace.<operation>.hits` and `.errors` are counts of all requests, sampled or not, and `trace.<operation>` is the
 * distribution of their durations. What was never counted is not told: an error that did not happen is 0.
 */
export function traceQueries(
  operation: string,
  percentile: string,
): DatadogQueries & { readonly requests: string } {
  const scope = '{service:{{service}},env:{{environment}}}';
  return {
    requests: `sum:trace.${operation}.hits${scope}.as_count()`,
    errors: `sum:trace.${operation}.errors${scope}.as_count()`,
    latencyMs: `${percentile}:trace.${operation}${scope}`,
  };
}

export interface Placeholders {
  readonly product: string;
  readonly environment: string;
  readonly service: string;
  /** Running releases; empty: whichever, as of the past nobody knows. */
  readonly releases: readonly string[];
}

const names = ['product', 'environment', 'service', 'release'];
const nothing = Object.fromEntries(names.map((name) => [name, '']));

/** Puts values into a query. `{{release}}` is a filter of its own: two releases run side by side while one replaces the other. */
export function fillQuery(template: string, values: Placeholders): string {
  const { product, environment, service, releases } = values;
  const release = releases.length === 0 ? 'version:*' : `version IN (${releases.map(tagValue).join(', ')})`;
  return fillPlaceholders(template, {
    product: tagValue(product),
    environment: tagValue(environment),
    service: tagValue(service),
    release,
  });
}

/** As Datadog keeps the values of tags: in lower case, every sign but these an underscore. */
function tagValue(text: string): string {
  return text.toLowerCase().replace(/[^\p{L}\p{N}_\-:./]/gu, '_');
}

/** The sentence that says what is wrong with a user's own query, or `null`. */
export function datadogQueryProblem(signal: string, template: string): string | null {
  const problem = placeholderProblem(template, names);
  if (problem !== null) return problem;
  // Datadog does not know commas beside AND and IN.
  if (/\{\{\s*release\s*\}\}/.test(template) && /\{[^{}]*,/.test(fillPlaceholders(template, nothing)))
    return '{{release}} stands beside a comma; allowed: {service:{{service}} AND {{release}}}';
  const counts = ['requests', 'errors', 'db_connection_errors'];
  if (counts.includes(signal) && !/\.as_count\(\)|\.rollup\(sum/.test(template))
    return 'a count may be told as a rate; allowed: sum:…{…}.as_count()';
  return null;
}
