/** Keeps secrets out of everything that is written or sent. */
export interface Redactor {
  /** Without known secrets, and without what stands behind a name like `password=`. For text from outside: logs, diffs, errors. */
  text(text: string): string;
  /** Without known secrets only, so that everything else stays as it is: for what is stored and read again. */
  values(text: string): string;
  /** `text` for every text in a value, however deep. */
  deep<Value>(value: Value): Value;
  /** From now on these are secrets, too. */
  learn(secrets: Iterable<string>): void;
}

const hidden = '[redacted]';

/** A plain word, or a short one, would shred ordinary text and the names of products: such a secret is known by its name only. */
function isTelling(secret: string): boolean {
  return secret.length >= 8 && !/^[a-z]+$/i.test(secret) && !/^\d+$/.test(secret);
}

export function createRedactor(secrets: Iterable<string>): Redactor {
  let known: readonly string[] = [];
  const redactor: Redactor = {
    values: (text) => known.reduce((rest, secret) => rest.replaceAll(secret, hidden), text),
    text: (text) => byName(redactor.values(text)),
    deep: (value) => deepText(value, redactor.text),
    learn(more) {
      const forms = [...more].filter(isTelling).flatMap(formsOf);
      // The longest first: a part of a secret may be one, too.
      known = [...new Set([...known, ...forms])].sort((a, b) => b.length - a.length);
    },
  };
  redactor.learn(secrets);
  return redactor;
}

/** As it is, in JSON, and in a URL. */
function formsOf(secret: string): string[] {
  return [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)];
}

const names =
  '[\\w.-]*(?:password|passwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?)';

/** What is a secret by its name or its form, whoever's it is. Each keeps its name, so that a reader sees what was there. */
const patterns: readonly (readonly [RegExp, string])[] = [
  // A header, up to the line's end: whatever scheme it has.
  [
    /\b(authorization|proxy-authorization|cookie|set-cookie)(["']?\s*[:=]\s*["']?)[^"'\r\n]+/gi,
    `$1$2${hidden}`,
  ],
  [
    new RegExp(`\\b(${names})(["']?\\s*[:=]\\s*)("[^"\\r\\n]*"|'[^'\\r\\n]*'|[^\\s"',;&)}\\]]+)`, 'gi'),
    `$1$2${hidden}`,
  ],
  // The password in an address.
  [/\b([a-z][a-z0-9+.-]*:\/\/[^\s/:@]*):[^\s/@]+@/gi, `$1:${hidden}@`],
  [/\bBearer\s+[\w.~+/-]{8,}=*/g, `Bearer ${hidden}`],
  // GitHub, Slack, AWS, ours, and identity tokens.
  [
    /\b(?:gh[opsur]_\w{20,}|github_pat_\w{20,}|xox[abeprs]-[\w-]{10,}|xapp-[\w-]{10,}|AKIA[A-Z0-9]{16}|rbo_[0-9a-f]{12}_[\w-]{43})\b/g,
    hidden,
  ],
  [/\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]+/g, hidden],
  [/\bhttps:\/\/hooks\.slack\.com\/services\/[\w/]+/g, `https://hooks.slack.com/services/${hidden}`],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, hidden],
];

function byName(text: string): string {
  return patterns.reduce((rest, [pattern, instead]) => rest.replace(pattern, instead), text);
}

function deepText<Value>(value: Value, redact: (text: string) => string): Value {
  if (typeof value === 'string') return redact(value) as Value;
  if (Array.isArray(value)) return value.map((entry: unknown) => deepText(entry, redact)) as Value;
  if (typeof value !== 'object' || value === null) return value;
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [key, deepText(entry as unknown, redact)]),
  ) as Value;
}
