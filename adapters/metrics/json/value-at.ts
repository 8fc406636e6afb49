/**
 * What stands at a dotted path, `undefined` where nothing does. A key may hold dots itself, as those of Dropwizard and
 * Micrometer do: `counters.http.requests.count` finds `{ counters: { 'http.requests': { count } } }`. A number is a place in a list.
 */
export function valueAt(value: unknown, path: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  const holder = value as Record<string, unknown>;
  if (Object.hasOwn(holder, path)) return holder[path];
  for (let dot = path.indexOf('.'); dot !== -1; dot = path.indexOf('.', dot + 1)) {
    const key = path.slice(0, dot);
    if (!Object.hasOwn(holder, key)) continue;
    const found = valueAt(holder[key], path.slice(dot + 1));
    if (found !== undefined) return found;
  }
  return undefined;
}
