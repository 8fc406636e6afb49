const table = new Float64Array(256);
for (let n = 1; n < 256; n += 1) table[n] = (table[n - 1] as number) + Math.log(n);

/** ln n! of a whole number, to twelve digits. */
export function logFactorial(n: number): number {
  if (n < 256) return table[n] as number;
  const x = n + 1;
  return (x - 0.5) * Math.log(x) - x + 0.9189385332046727 + 1 / (12 * x) - 1 / (360 * x * x * x);
}
