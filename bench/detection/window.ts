/** Sum of the rows `from` to `end - 1` that have data. */
export function sumIn(column: Float64Array, from: number, end: number): number {
  let sum = 0;
  for (let row = Math.max(0, from); row < end; row += 1) {
    const value = column[row] as number;
    if (!Number.isNaN(value)) sum += value;
  }
  return sum;
}

/** Mean of the rows `from` to `end - 1` that have data; `NaN` where none has. */
export function meanIn(column: Float64Array, from: number, end: number): number {
  const rows = knownIn(column, from, end);
  return rows === 0 ? Number.NaN : sumIn(column, from, end) / rows;
}

/** Rows with data of the rows `from` to `end - 1`. */
export function knownIn(column: Float64Array, from: number, end: number): number {
  let known = 0;
  for (let row = Math.max(0, from); row < end; row += 1) {
    const value = column[row] as number;
    if (!Number.isNaN(value)) known += 1;
  }
  return known;
}

/** The quantile `share` of the rows `from` to `end - 1` that have data; `NaN` where none has. */
export function quantileIn(column: Float64Array, from: number, end: number, share: number): number {
  const sorted = column.slice(Math.max(0, from), end).sort();
  let known = sorted.length;
  while (known > 0 && Number.isNaN(sorted[known - 1])) known -= 1;
  return known === 0 ? Number.NaN : (sorted[Math.min(known - 1, Math.floor(share * known))] as number);
}

/** `total[i]`: sum of the first `i` rows, those without data as 0. */
export function runningSums(column: Float64Array): Float64Array {
  const total = new Float64Array(column.length + 1);
  for (let row = 0; row < column.length; row += 1) {
    const value = column[row] as number;
    total[row + 1] = (total[row] as number) + (Number.isNaN(value) ? 0 : value);
  }
  return total;
}
