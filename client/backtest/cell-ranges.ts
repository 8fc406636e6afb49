/** Where the line that begins there ends: at its line feed, or with the text. */
export function lineEnd(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end < 0 ? text.length : end;
}

/**
 * Where the cells of one line of a comma-separated text begin and end. A folder of 5,000 traces has 150 million cells: a string
 * for each of them would be most of the work of reading.
 */
export class CellRanges {
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;

  constructor(cells: number) {
    this.#starts = new Int32Array(cells);
    this.#ends = new Int32Array(cells);
  }

  /** Takes over the cells of the text's line from `from` to before `to`; says how many it has. Of a blank line that is 0. */
  find(text: string, from: number, to: number): number {
    let end = to;
    while (end > from && text.charCodeAt(end - 1) <= space) end -= 1;
    if (end === from) return 0;
    let found = 0;
    let start = from;
    for (let i = from; i <= end; i += 1) {
      if (i < end && text.charCodeAt(i) !== comma) continue;
      if (found < this.#ends.length) {
        this.#starts[found] = start;
        this.#ends[found] = i;
      }
      found += 1;
      start = i + 1;
    }
    return found;
  }

  isEmpty(at: number): boolean {
    return this.#starts[at] === this.#ends[at];
  }

  text(text: string, at: number): string {
    return text.slice(this.#starts[at], this.#ends[at]);
  }

  /** What `Number` makes of the cell, to the last bit; `NaN` of blanks. */
  number(text: string, at: number): number {
    const start = this.#starts[at] as number;
    const end = this.#ends[at] as number;
    const plain = end - start <= mostDigits ? plainNumber(text, start, end) : Number.NaN;
    if (!Number.isNaN(plain)) return plain;
    const cell = this.text(text, at);
    return cell.trim() === '' ? Number.NaN : Number(cell);
  }
}

const space = 0x20;
const comma = 0x2c;
const point = 0x2e;
const zero = 0x30;
const nine = 0x39;
/** All whole numbers of so many digits are exact, so that the quotient of two of them is rounded once. */
const mostDigits = 15;

/** Digits with at most one point among them; `NaN` of anything else. */
function plainNumber(text: string, start: number, end: number): number {
  let digits = 0;
  let divisor = 0;
  for (let i = start; i < end; i += 1) {
    const code = text.charCodeAt(i);
    if (code >= zero && code <= nine) {
      digits = 10 * digits + code - zero;
      divisor *= 10;
    } else if (code === point && divisor === 0 && end - start > 1) divisor = 1;
    else return Number.NaN;
  }
  return divisor === 0 ? digits : digits / divisor;
}
