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

/** As it is, in JSON, in JSON within JSON, and in a URL. */
function formsOf(secret: string): string[] {
  return [secret, inJson(secret), inJson(inJson(secret)), encodeURIComponent(secret)];
}

const inJson = (text: string) => JSON.stringify(text).slice(1, -1);

/** How the name of a secret ends. What stands before it is not matched: that would look at long words again from each of their letters. */
const names = [
  'password',
  'passwd',
  'passphrase',
  // Not the shell's working directory.
  String.raw`pwd(?!\\*["']?\s*[:=]\s*\\*["']?[/~])`,
  'secret',
  'token',
  'api[_-]?key',
  'access[_-]?key',
  'private[_-]?key',
  'credentials?',
].join('|');

/** Between a name and its value, in JSON and in JSON that is a text of other JSON. */
const between = String.raw`\\*["']?\s*[:=]\s*`;

/**
 * Quoted, with as many backslashes before the quotes as the text is deep in other JSON; a quote or backslash of its own has more of
 * them. A quote that nothing closes is the end of a text that was cut off.
 */
const quoted = [
  String.raw`(?<deep>\\*)(?<quote>["'])`,
  String.raw`(?:(?:\k<deep>\\){2}|\k<deep>\\\k<deep>["']|\k<deep>\\[^\\"'\r\n]|(?!\k<quote>)[^\\\r\n])*`,
  String.raw`\k<deep>\k<quote>`,
].join('');
const cutOff = String.raw`\\*(?<open>["'])(?:(?!\k<open>)[^\r\n])+`;
// What is hidden already stays as it is.
const bare = String.raw`(?:\[redacted\]|[^\s"',;&)}\]\\]|\\(?!["']))+`;

/** Sentences about an option go on with one of these. */
const ordinaryWords =
  'and|are|as|at|by|can|for|from|has|in|is|may|must|needs?|nor|not|of|on|or|that|to|was|with';

/**
 * What is a secret by its name or its form, whoever's it is. Each keeps its name, so that a reader sees what was there. They run
 * on everything that is written or sent, so each takes time in proportion to the text: none may begin in the middle of what it has passed.
 */
const patterns: readonly (readonly [RegExp, string])[] = [
  // A header, up to the line's end: whatever scheme it has.
  [
    /\b(authorization|proxy-authorization|cookie|set-cookie)(\\*["']?\s*[:=]\s*\\*["']?)[^"'\r\n]+/gi,
    `$1$2${hidden}`,
  ],
  [new RegExp(`(${names})(${between})(?:${quoted}|${cutOff}|${bare})`, 'gi'), `$1$2${hidden}`],
  // A word of a command line, also of one that is a list.
  [
    new RegExp(
      String.raw`(?<![\w-])(--[\w-]*(?:${names}))([ \t]+|\\*["'],\s*)(?!-|(?:${ordinaryWords})\b)(?:${quoted}|${bare})`,
      'gi',
    ),
    `$1$2${hidden}`,
  ],
  // The password in an address.
  [/(:\/\/[^\s/:@]*):[^\s/@]+@/g, `$1:${hidden}@`],
  [/\bBearer\s+[\w.~+/-]{8,}=*/g, `Bearer ${hidden}`],
  // GitHub, GitLab, Slack, AWS, and ours.
  [
    /\b(?:gh[opsur]_\w{20,}|github_pat_\w{20,}|glpat-[\w.-]{20,}|xox[abeprs]-[\w-]{10,}|xapp-[\w-]{10,}|A[KS]IA[A-Z0-9]{16}|rbo_[0-9a-f]{12}_[\w-]{43})\b/g,
    hidden,
  ],
  // An identity token; what it begins with tells only how it is signed.
  [/(?<=\beyJ[\w-]{8,}\.)eyJ[\w-]{8,}\.[\w-]+/g, hidden],
  [/\bhttps:\/\/hooks\.slack\.com\/services\/[\w/]+/g, `https://hooks.slack.com/services/${hidden}`],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, hidden],
];

/** For what people write, wherever it is kept: they paste what they should not. */
export function byName(text: string): string {
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
