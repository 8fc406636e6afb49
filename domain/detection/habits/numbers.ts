/** The sum of an amount over items; a loop, since the judge replays days. */
export function total<Item>(items: readonly Item[], amountOf: (item: Item) => number): number {
  let result = 0;
  for (const item of items) result += amountOf(item);
  return result;
}

export function sum(values: ArrayLike<number>): number {
  let result = 0;
  for (let i = 0; i < values.length; i++) result += values[i] as number;
  return result;
}

export function median(values: readonly number[]): number {
  if (values.length === 0) return 0;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}
