const placeholder = /\{\{\s*(\w+)\s*\}\}/g;

/** Puts values in the place of `{{name}}`; a name without a value stays as it is. */
export function fillPlaceholders(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(placeholder, (whole, name: string) => values[name] ?? whole);
}

/** The sentence that says which `{{name}}` of a text is not known, or `null`. */
export function placeholderProblem(text: string, names: readonly string[]): string | null {
  const unknown = [...text.matchAll(placeholder)]
    .map(([, name = '']) => name)
    .find((name) => !names.includes(name));
  if (unknown === undefined) return null;
  return `{{${unknown}}} is not known; allowed: ${names.map((name) => `{{${name}}}`).join(', ')}`;
}
