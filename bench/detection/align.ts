/** The cells of a table as wide as their column's widest. The first column is left-aligned, the others where asked. */
export function padded(rows: readonly (readonly string[])[], others: 'left' | 'right' = 'left'): string[][] {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => (row[at] ?? '').length)));
  return rows.map((row) =>
    row.map((cell, at) => {
      const width = widths[at] ?? 0;
      return at === 0 || others === 'left' ? cell.padEnd(width) : cell.padStart(width);
    }),
  );
}

/** A table for a terminal, a line a row. */
export function align(rows: readonly (readonly string[])[]): string[] {
  return padded(rows, 'right').map((row) => row.join('  ').trimEnd());
}
