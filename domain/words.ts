/**
 * A text as words to search by: lower-case, plurals as singulars, identifiers and paths both whole and in parts, so that `products.js`
 * finds `src/products.js:42` and `pool` finds `ConnectionPoolTimeout`. What every incident says is left out.
 */
export function wordsOf(text: string): string[] {
  const pieces = text.match(/[A-Za-z0-9_][A-Za-z0-9_./+-]*[A-Za-z0-9_]|[A-Za-z0-9]/g) ?? [];
  return pieces.flatMap(partsOf).filter((word) => word.length > 1 && !common.has(word) && !isFigure(word));
}

function partsOf(piece: string): string[] {
  const whole = piece.toLowerCase();
  const parts = piece
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .split(/[^A-Za-z0-9]+/)
    .map((part) => singular(part.toLowerCase()))
    .filter((part) => part !== '');
  const names = [...(whole.includes('/') ? [whole.slice(whole.lastIndexOf('/') + 1)] : []), whole];
  const known = [...new Set([...names, ...parts])].map((word) =>
    parts.length === 1 ? singular(word) : word,
  );
  return [...new Set(known.flatMap((word) => [word, ...(alsoCalled[word] ?? [])]))];
}

function singular(word: string): string {
  if (word.length < 4 || word.endsWith('ss') || word.endsWith('us') || word.endsWith('is')) return word;
  return word.endsWith('ies') ? `${word.slice(0, -3)}y` : word.replace(/s$/, '');
}

/** A status like 502 is a word; other figures differ from one incident to the next. */
function isFigure(word: string): boolean {
  return /^[\d.+-]+$/.test(word) && !/^[345]\d\d$/.test(word);
}

/** What people write, and what triggers and logs call it. */
const alsoCalled: Readonly<Record<string, readonly string[]>> = {
  oom: ['memory'],
  heap: ['memory'],
  slow: ['performance', 'latency'],
  latency: ['performance'],
  p95: ['performance', 'latency'],
  db: ['database'],
  postgre: ['database'],
  postgresql: ['database'],
  mysql: ['database'],
  crashed: ['crash'],
  leaking: ['leak'],
  '5xx': ['error'],
  // As the words of "N+1" come out.
  'n+1': ['n_plus_one_query'],
};

const common = new Set(
  'a an and are as at be been before by can did do does for from had has have how if in is it its more not of on one or our out per than that the then there this to was were what when which why will with happened happen ever again same pattern src js ts py go java rb json yml yaml'.split(
    ' ',
  ),
);
