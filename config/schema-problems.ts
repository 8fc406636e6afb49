import type { z } from 'zod';
import { identifierPattern } from '../domain/identity.ts';
import type { Finding } from './findings.ts';
import { nearest } from './nearest.ts';
import { configSchema } from './schema/config-file.ts';
import type { Path, YamlFile } from './yaml-file.ts';

type Issue = z.core.$ZodIssue;

/** What the file says that the schema does not allow. */
export function schemaProblems(yaml: YamlFile): Finding[] {
  const result = configSchema.safeParse(yaml.value);
  return (result.error?.issues ?? []).flatMap((issue) => problemsOf(issue, [], yaml));
}

function problemsOf(issue: Issue, above: Path, yaml: YamlFile): Finding[] {
  const path = [...above, ...(issue.path as Path)];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => yaml.at([...path, key], unknownKey(key, issue.message), 'key'));
    case 'invalid_key': {
      const allowed = issue.issues[0]?.message ?? issue.message;
      return [yaml.at(path, `found ${JSON.stringify(path.at(-1))}; allowed: ${allowed}`, 'key')];
    }
    case 'invalid_union': {
      // Of several shapes, the one that was meant is the one whose outer type fits.
      const meant = issue.errors.find(
        (errors) => errors[0]?.path.length !== 0 || errors[0].code !== 'invalid_type',
      );
      if (meant !== undefined) return meant.flatMap((inner) => problemsOf(inner as Issue, path, yaml));
    }
  }
  const isMapping = issue.code === 'invalid_type' && issue.expected === 'object';
  const allowed = isMapping ? `a mapping with ${issue.message}` : issue.message;
  return [yaml.at(path, `found ${foundText(valueAt(yaml.value, path), issue)}; allowed: ${allowed}`)];
}

function unknownKey(key: string, allowed: string): string {
  const close = nearest(key, allowed.split(', '));
  const meant = close === null ? '' : ` (did you mean "${close}"?)`;
  return `found the unknown key ${JSON.stringify(key)}${meant}; allowed: ${allowed}`;
}

function foundText(value: unknown, issue: Issue): string {
  if (value === undefined || value === null) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return 'a mapping';
  if (typeof value !== 'string') return String(value);
  if (value === '') return 'an empty text';
  return mayBeShown(issue) ? JSON.stringify(value.slice(0, 40)) : 'a text (not shown)';
}

/** Free text may be a secret, wherever it was put; what stands for a number, a choice or a name is not. */
function mayBeShown(issue: Issue): boolean {
  if (issue.code === 'invalid_type') return ['number', 'int', 'boolean'].includes(issue.expected);
  if (issue.code === 'invalid_format') return issue.pattern === identifierPattern.toString();
  return (
    issue.code === 'invalid_value' || (issue.code === 'invalid_union' && issue.discriminator !== undefined)
  );
}

/** The value at a path, or `undefined`. */
export function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (inside, part) =>
      typeof inside === 'object' && inside !== null && Object.hasOwn(inside, part)
        ? (inside as Record<string | number, unknown>)[part]
        : undefined,
    value,
  );
}
