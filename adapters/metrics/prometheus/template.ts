import { pattern, quoted } from './queries.ts';

/** A query about one service, as one of several that differ in nothing but the service. */
export interface Template {
  /** The same for all of them. */
  readonly key: string;
  /** By which their series are told apart. */
  readonly label: string;
  /** The query about several services, whose series carry the label. */
  about(services: readonly string[]): string;
}

/** An aggregation of one selector, times or divided by a number. */
const shape =
  /^(sum|max|min) by \(([^()]*)\) \((timestamp\()?([a-zA-Z_:][\w:]*)\{(.*)\}(\))?\)( [*/] [\d.e+-]+)?$/s;

/**
 * A query as a template, or `null` where another's answer could differ from its own. Where a sum, maximum or minimum is made of one
 * selector, and one matcher alone is `label="<service>"`, the series of the services are disjoint: made by that label as well, each group holds
 * the series that it held before.
 */
export function templateOf(query: string, service: string): Template | null {
  const found = shape.exec(query);
  if (found === null || service === '') return null;
  const [, how = '', labels = '', timestamp = '', metric = '', selector = '', closing = '', scale = ''] =
    found;
  if ((timestamp === '') !== (closing === '')) return null;
  const matchers = matchersIn(selector);
  const own = matchers?.filter(({ operator, value }) => operator === '=' && value === quoted(service)) ?? [];
  const by = labels.split(',').map((label) => label.trim());
  const label = own[0]?.label ?? '';
  const isAlone = matchers?.filter((matcher) => matcher.label === label).length === 1;
  if (matchers === null || own.length !== 1 || !isAlone || by.includes(label)) return null;
  const written = (matcher: string) =>
    matchers.map((one) => (one.label === label ? matcher : `${one.label}${one.operator}"${one.value}"`));
  const make = (matcher: string) =>
    `${how} by (${[label, ...by].filter(Boolean).join(', ')}) (${timestamp}${metric}{${written(matcher).join(', ')}}${closing})${scale}`;
  return {
    key: make(`${label}=`),
    label,
    about: (services) => make(`${label}=~"${services.map(pattern).join('|')}"`),
  };
}

interface Matcher {
  readonly label: string;
  readonly operator: string;
  /** As written between the quotes. */
  readonly value: string;
}

function matchersIn(selector: string): Matcher[] | null {
  const one = /\s*(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)/y;
  const matchers: Matcher[] = [];
  while (one.lastIndex < selector.length) {
    const found = one.exec(selector);
    if (found === null) return null;
    const [, label = '', operator = '', value = ''] = found;
    matchers.push({ label, operator, value });
  }
  return matchers;
}
