/**
 * Reads Prometheus' text format, and OpenMetrics where it differs, line by line in bounded memory.
 * Own code because no well-kept library does it: parse-prometheus-text-format has been unmaintained for years,
 * builds the whole page in memory and knows neither exemplars nor quoted names.
 */
export interface MetricSample {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

export interface PageSummary {
  /** Lines that hold a sample, wanted or not. */
  readonly samples: number;
  /** `# TYPE` lines. */
  readonly declared: number;
  /** Lines that are neither a sample nor a comment. */
  readonly malformed: number;
}

export interface PrometheusTextOptions {
  /** Only samples of these names are parsed in full and reported. */
  readonly wanted: ReadonlySet<string>;
  onSample(sample: MetricSample): void;
  /** Called with the name of each `# TYPE` line: a metric may be declared before its first sample. */
  onDeclared?(name: string): void;
}

export interface PrometheusTextParser {
  /** Takes the next piece of the page; pieces may end anywhere within a line. */
  write(text: string): void;
  end(): PageSummary;
}

/** A longer line is skipped as malformed, so that a page without line ends cannot fill the memory. */
const maxLineLength = 65_536;

export function createPrometheusTextParser(options: PrometheusTextOptions): PrometheusTextParser {
  const summary = { samples: 0, declared: 0, malformed: 0 };
  let rest = '';
  let skipping = false;

  function takeLine(line: string): void {
    if (skipping || line.length > maxLineLength) {
      skipping = false;
      summary.malformed += 1;
      return;
    }
    const kind = readLine(line.trim(), options);
    if (kind !== 'blank') summary[kind] += 1;
  }

  return {
    write(text) {
      let from = 0;
      for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', from)) {
        takeLine(rest + text.slice(from, end));
        rest = '';
        from = end + 1;
      }
      rest += text.slice(from);
      if (rest.length > maxLineLength) {
        skipping = true;
        rest = '';
      }
    },
    end() {
      if (rest !== '' || skipping) takeLine(rest);
      rest = '';
      return { ...summary };
    },
  };
}

type LineKind = keyof PageSummary | 'blank';

function readLine(line: string, options: PrometheusTextOptions): LineKind {
  if (line === '') return 'blank';
  if (line.startsWith('#')) return readComment(line, options);
  const nameEnd = endOfName(line);
  const quoted = nameEnd === 0 && line.startsWith('{');
  if (nameEnd === 0 && !quoted) return 'malformed';
  const name = line.slice(0, nameEnd);
  if (!quoted && !options.wanted.has(name)) return looksLikeSample(line, nameEnd) ? 'samples' : 'malformed';
  const sample = parseSample(line, name);
  if (sample === null) return 'malformed';
  if (options.wanted.has(sample.name)) options.onSample(sample);
  return 'samples';
}

function readComment(line: string, options: PrometheusTextOptions): LineKind {
  const name = /^#[ \t]+TYPE[ \t]+("(?:[^"\\]|\\.)*"|[^ \t]+)/.exec(line)?.[1];
  if (name === undefined) return 'blank';
  options.onDeclared?.(name.startsWith('"') ? unescaped(name.slice(1, -1)) : name);
  return 'declared';
}

function endOfName(line: string): number {
  let at = 0;
  while (at < line.length && isNameCharacter(line.charCodeAt(at), at === 0)) at += 1;
  return at;
}

function isNameCharacter(code: number, first: boolean): boolean {
  const letter = (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code === 95 || code === 58;
  return letter || (!first && code >= 48 && code <= 57);
}

/** The cheap check for the many lines of a page that nobody asked for. */
function looksLikeSample(line: string, nameEnd: number): boolean {
  const braced = line.charAt(nameEnd) === '{';
  const valueAt = braced ? line.lastIndexOf('}') + 1 : nameEnd;
  if (valueAt === 0 || (!braced && !/[ \t]/.test(line.charAt(nameEnd)))) return false;
  return /^[ \t]*(?:[-+.]*\d|[-+]?inf\b|nan\b)/i.test(line.slice(valueAt, valueAt + 16));
}

function parseSample(line: string, plainName: string): MetricSample | null {
  const labels = new Map<string, string>();
  let name = plainName;
  let at = skipBlanks(line, plainName.length);
  if (line.charAt(at) === '{') {
    const parsed = parseLabels(line, at + 1, labels);
    if (parsed === null) return null;
    at = parsed.end;
    name ||= parsed.quotedName;
  } else if (at === plainName.length) return null;
  const value = parseValue(/^[^ \t]*/.exec(line.slice(skipBlanks(line, at)))?.[0] ?? '');
  return value === null || name === '' ? null : { name, labels, value };
}

/** Reads `a="x",b="y"}` from `at`; Prometheus 3 also writes a name that needs quotes as the first entry: `{"http.requests",a="x"}`. */
function parseLabels(
  line: string,
  start: number,
  labels: Map<string, string>,
): { end: number; quotedName: string } | null {
  let quotedName = '';
  let at = skipBlanks(line, start);
  while (line.charAt(at) !== '}') {
    const key = line.charAt(at) === '"' ? readQuoted(line, at) : readPlain(line, at);
    if (key === null) return null;
    at = skipBlanks(line, key.end);
    if (line.charAt(at) === '=') {
      const value = readQuoted(line, skipBlanks(line, at + 1));
      if (value === null) return null;
      labels.set(key.text, value.text);
      at = skipBlanks(line, value.end);
    } else if (line.charAt(key.end - 1) === '"') quotedName = key.text;
    else return null;
    if (line.charAt(at) === ',') at = skipBlanks(line, at + 1);
    else if (line.charAt(at) !== '}') return null;
  }
  return { end: at + 1, quotedName };
}

function readPlain(line: string, at: number): { text: string; end: number } | null {
  let end = at;
  while (end < line.length && isNameCharacter(line.charCodeAt(end), end === at)) end += 1;
  return end === at ? null : { text: line.slice(at, end), end };
}

function readQuoted(line: string, at: number): { text: string; end: number } | null {
  if (line.charAt(at) !== '"') return null;
  let escaped = false;
  for (let i = at + 1; i < line.length; i += 1) {
    const character = line.charAt(i);
    if (character === '\\') {
      escaped = true;
      i += 1;
    } else if (character === '"') {
      const text = line.slice(at + 1, i);
      return { text: escaped ? unescaped(text) : text, end: i + 1 };
    }
  }
  return null;
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/g, (whole, next: string) =>
    next === 'n' ? '\n' : next === '\\' || next === '"' ? next : whole,
  );
}

function skipBlanks(line: string, from: number): number {
  let at = from;
  while (line.charAt(at) === ' ' || line.charAt(at) === '\t') at += 1;
  return at;
}

const specialValues: Readonly<Record<string, number>> = {
  nan: Number.NaN,
  inf: Number.POSITIVE_INFINITY,
  '+inf': Number.POSITIVE_INFINITY,
  '-inf': Number.NEGATIVE_INFINITY,
};

/** A value as Prometheus writes it (`1.5e+06`, `NaN`, `+Inf`), or `null`. */
export function parseValue(token: string): number | null {
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(token)) return Number(token);
  return specialValues[token.toLowerCase()] ?? null;
}
