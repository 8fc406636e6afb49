import {
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  visit,
} from 'yaml';
import type { Finding } from './findings.ts';

export type Path = readonly (string | number)[];

/** A YAML text that knows where everything stands. */
export interface YamlFile {
  /** `null` when the text is not YAML. An empty file is an empty mapping. */
  readonly value: unknown;
  readonly problems: readonly Finding[];
  /** Every text in the file with its place; what an alias repeats is listed once. */
  readonly texts: readonly { readonly path: Path; readonly text: string }[];
  /** A finding about the value at a path, or about its key; where nothing is there, about what surrounds it. */
  at(path: Path, message: string, where?: 'key' | 'value'): Finding;
}

const maxAliasCount = 100;

export function readYaml(source: string, file: string): YamlFile {
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false });
  const finding = (offset: number, path: Path, message: string): Finding => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1), key: keyText(path), message };
  };
  const at: YamlFile['at'] = (path, message, where = 'value') =>
    finding(offsetOf(document, path, where), path, message);

  const faults = [...document.errors, ...document.warnings];
  const syntax = faults.filter(({ code }) => code !== 'DUPLICATE_KEY');
  // What is left of a text that is not YAML would only give problems that are none.
  if (syntax.length > 0) {
    const problems = syntax.map((fault) =>
      finding(fault.pos[0], [], `not valid YAML: ${withoutQuote(fault.message)}`),
    );
    return { value: null, problems, texts: [], at };
  }
  const unknown = unknownAliases(document).map(({ offset, name }) =>
    finding(offset, [], `found the alias *${name}; allowed: an alias whose anchor &${name} stands before it`),
  );
  if (unknown.length > 0) return { value: null, problems: unknown, texts: [], at };
  const repeated = faults.map(({ pos }) => {
    const { path, firstOffset } = duplicateAt(document, pos[0]);
    return finding(
      pos[0],
      path,
      `found a second time, first on line ${lines.linePos(firstOffset).line}; allowed: once`,
    );
  });
  try {
    const value = document.toJS({ maxAliasCount }) ?? {};
    return { value, problems: repeated, texts: textsOf(document), at };
  } catch {
    const tooMany = `found aliases that repeat too much; allowed: up to ${maxAliasCount} repeated values`;
    return { value: null, problems: [finding(0, [], tooMany)], texts: [], at };
  }
}

/** `products.shop.services.api.logs.paths[0]` */
export function keyText(path: Path): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`))
    .join('')
    .replace(/^\./, '');
}

/** The parser quotes what it did not expect, which may be a secret. */
function withoutQuote(message: string): string {
  return message.replace(/: ".*$/s, '').replace(/ "quote$/, ' quote');
}

function unknownAliases(document: Document): { offset: number; name: string }[] {
  const found: { offset: number; name: string }[] = [];
  visit(document, {
    Alias: (_key, alias) => {
      if (alias.resolve(document) === undefined)
        found.push({ offset: alias.range?.[0] ?? 0, name: alias.source });
    },
  });
  return found;
}

function duplicateAt(document: Document, offset: number): { path: Path; firstOffset: number } {
  let found: { path: Path; firstOffset: number } = { path: [], firstOffset: offset };
  visit(document, {
    Pair: (_key, pair, ancestors) => {
      const map = ancestors.at(-1);
      if (startOf(pair.key) !== offset || !isMap(map)) return;
      const first = map.items.find((other) => nameOf(other) === nameOf(pair));
      found = { path: [...pathOf(ancestors), nameOf(pair)], firstOffset: startOf(first?.key) ?? offset };
    },
  });
  return found;
}

function textsOf(document: Document): { path: Path; text: string }[] {
  const texts: { path: Path; text: string }[] = [];
  visit(document, {
    Scalar: (key, { value }, ancestors) => {
      if (key === 'key' || typeof value !== 'string') return;
      texts.push({ path: [...pathOf(ancestors), ...(typeof key === 'number' ? [key] : [])], text: value });
    },
  });
  return texts;
}

/** The ancestors that `visit` gives: the document, then collections with the pairs between them. */
function pathOf(ancestors: readonly (Document | Node | Pair)[]): Path {
  return ancestors.flatMap((ancestor, index): Path => {
    const next = ancestors[index + 1];
    if (isSeq(ancestor) && next !== undefined) return [ancestor.items.indexOf(next)];
    return isPair(ancestor) ? [nameOf(ancestor)] : [];
  });
}

function offsetOf(document: Document, path: Path, where: 'key' | 'value'): number {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const [index, part] of path.entries()) {
    const inside = isAlias(node) ? node.resolve(document) : node;
    if (isSeq(inside)) {
      node = inside.items[Number(part)];
      offset = startOf(node) ?? offset;
    } else if (isMap(inside)) {
      const pair = inside.items.findLast((item) => nameOf(item) === String(part));
      if (pair === undefined) return offset;
      // What is missing in a mapping is reported where that mapping is named.
      offset = startOf(pair.key) ?? offset;
      node = pair.value;
    } else return offset;
    const last = index === path.length - 1;
    if (last && where === 'value') return startOf(node) ?? offset;
  }
  return offset;
}

function nameOf(pair: Pair): string {
  return isScalar(pair.key) ? String(pair.key.value ?? '') : String(pair.key);
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}
