import { mkdir, writeFile } from 'node:fs/promises';

const folder = new URL('./results/', import.meta.url);

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** `null` of no values. */
export function spreadOf(values: readonly number[]): Spread | null {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (index: number) => Number((sorted[index] ?? Number.NaN).toFixed(2));
  if (sorted.length === 0) return null;
  return { median: at(Math.floor(sorted.length / 2)), min: at(0), max: at(sorted.length - 1) };
}

export async function writeResult(benchmark: string, result: unknown): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(new URL(`${benchmark}.json`, folder), `${JSON.stringify(result, null, 2)}\n`);
}
