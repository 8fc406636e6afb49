/** What hand-made pictures share. */

/** Text and attribute values. */
export function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

/** A tenth of a pixel is enough. */
export function rounded(pixels: number): number {
  return Math.round(pixels * 10) / 10;
}

/** SVG breaks no lines. What does not fit in is cut, with an ellipsis. */
export function linesOf(text: string, letters: number, most: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const longer = `${lines.at(-1) ?? ''} ${word}`.trim();
    if (lines.length > 0 && longer.length <= letters) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  if (lines.length <= most) return lines.map((line) => cut(line, letters));
  return lines.slice(0, most).map((line, i) => cut(i === most - 1 ? `${line} …` : line, letters));
}

function cut(line: string, letters: number): string {
  return line.length > letters ? `${line.slice(0, letters - 1)}…` : line;
}

/** At most about `wanted` round values from `least` to `most`: multiples of one of the steps, by default 1, 2 or 5 of a decade. */
export function niceTicks(least: number, most: number, wanted: number, steps?: readonly number[]): number[] {
  if (!(most > least)) return least === 0 ? [0] : [];
  const decade = 10 ** Math.floor(Math.log10((most - least) / wanted));
  const asked = steps ?? [decade, 2 * decade, 5 * decade, 10 * decade];
  const step = asked.find((size) => (most - least) / size <= wanted) ?? (asked.at(-1) as number);
  const first = Math.ceil(least / step - 1e-9);
  const count = Math.floor(most / step + 1e-9) - first + 1;
  return Array.from({ length: count }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}
