export interface Operation {
  readonly op: 'test' | 'add' | 'replace' | 'remove';
  readonly path: string;
  readonly value?: unknown;
}

/** Sets annotations, and removes those that are `null`. */
export function annotate(
  present: Readonly<Record<string, string>> | undefined,
  values: Readonly<Record<string, string | null>>,
): Operation[] {
  const set = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null));
  if (present === undefined)
    return Object.keys(set).length === 0 ? [] : [{ op: 'add', path: '/metadata/annotations', value: set }];
  return Object.entries(values).flatMap(([name, value]): Operation[] => {
    const path = `/metadata/annotations/${escaped(name)}`;
    if (value !== null) return [{ op: 'add', path, value }];
    return Object.hasOwn(present, name) ? [{ op: 'remove', path }] : [];
  });
}

export const escaped = (name: string) => name.replaceAll('~', '~0').replaceAll('/', '~1');
