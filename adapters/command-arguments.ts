/** A release named `--force` would be an option to the command it is given to. */
export function refuseOption(name: string, value: string): void {
  if (value === '' || value.startsWith('-') || value.includes('\0')) {
    throw new Error(`${name} ${JSON.stringify(value)} cannot be given to a command`);
  }
}

const placeholders = ['service', 'release', 'key', 'from', 'to'];

/** Replaces `{service}` and the like inside one argument; one that this command does not know throws. */
export function fillIn(argument: string, names: Readonly<Record<string, string>>): string {
  return argument.replace(/\{([a-z]+)\}/g, (placeholder, name: string) => {
    if (!placeholders.includes(name)) return placeholder;
    const value = names[name];
    if (value === undefined) throw new Error(`${placeholder} in "${argument}" is not known to this command`);
    return value;
  });
}
