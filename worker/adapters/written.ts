/** Texts of the file with their variables put in, as they are or as absolute paths. */
export interface Written {
  text(written: string): string;
  path(written: string): string;
}

export function text(value: string | undefined, written: Written): string | undefined {
  return value === undefined ? undefined : written.text(value);
}

export function ms(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : Math.round(seconds * 1_000);
}

/** The values of a mapping with their variables put in. */
export function texts(values: Readonly<Record<string, string>>, written: Written): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, written.text(value)]));
}
