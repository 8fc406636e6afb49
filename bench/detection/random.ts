import { logFactorial } from './log-factorial.ts';

/**
 * A seeded stream of random numbers (xoshiro128**): the same seed, the same numbers on every machine.
 * Two streams of different seeds, or of different labels of one `fork`, do not follow each other.
 */
export class Random {
  private readonly seed: readonly number[];
  private s0: number;
  private s1: number;
  private s2: number;
  private s3: number;

  constructor(seed: string | number | readonly number[]) {
    const words = typeof seed === 'object' ? seed : hashWords(String(seed));
    const at = (index: number) => words[index] ?? index;
    this.seed = words;
    this.s0 = at(0);
    this.s1 = at(1);
    this.s2 = at(2);
    this.s3 = at(3) | 1;
    for (let i = 0; i < 8; i += 1) this.nextInt32();
  }

  /** A stream of its own for one purpose. Depends on the seed and the label only; takes nothing from this stream. */
  fork(label: string): Random {
    const words = hashWords(label);
    return new Random(this.seed.map((word, index) => mix(word ^ Math.imul(words[index] ?? 0, 0x9e3779b1))));
  }

  /** A stream of its own for the next item of a sequence: every call gives another one. */
  split(): Random {
    return new Random([this.nextInt32(), this.nextInt32(), this.nextInt32(), this.nextInt32()].map(mix));
  }

  nextInt32(): number {
    const { s0, s1, s2, s3 } = this;
    const scrambled = Math.imul(s1, 5);
    const t2 = s2 ^ s0;
    const t3 = s3 ^ s1;
    this.s1 = s1 ^ t2;
    this.s0 = s0 ^ t3;
    this.s2 = t2 ^ (s1 << 9);
    this.s3 = (t3 << 11) | (t3 >>> 21);
    return Math.imul((scrambled << 7) | (scrambled >>> 25), 9);
  }

  /** Within `low` and `high`, both excluded. */
  uniform(low = 0, high = 1): number {
    return low + (high - low) * this.unit();
  }

  private unit(): number {
    return this.nextInt32() * 2 ** -32 + (0.5 + 2 ** -33);
  }

  /** A whole number from `low` to `end - 1`. */
  integer(low: number, end: number): number {
    return low + Math.floor(this.unit() * (end - low));
  }

  /** Mean 0, variance 1 (Marsaglia and Tsang's ziggurat). */
  normal(): number {
    for (;;) {
      const word = this.nextInt32();
      const layer = word & 127;
      if (Math.abs(word) < (zigguratEdge[layer] as number)) return word * (zigguratScale[layer] as number);
      const value = word * (zigguratScale[layer] as number);
      if (layer === 0) return this.normalTail(word > 0);
      const above = zigguratHeight[layer] as number;
      const below = zigguratHeight[layer - 1] as number;
      if (above + this.unit() * (below - above) < Math.exp(-0.5 * value * value)) return value;
    }
  }

  /** Mean 1. */
  exponential(): number {
    return -Math.log(this.unit());
  }

  /** Scale 1: mean and variance are `shape` (Marsaglia and Tsang). */
  gamma(shape: number): number {
    if (shape < 1) return this.gamma(shape + 1) * this.unit() ** (1 / shape);
    const d = shape - 1 / 3;
    const c = 1 / Math.sqrt(9 * d);
    for (;;) {
      const x = this.normal();
      const root = 1 + c * x;
      if (root <= 0) continue;
      const v = root * root * root;
      const u = this.unit();
      if (u < 1 - 0.0331 * x * x * x * x) return d * v;
      if (Math.log(u) < 0.5 * x * x + d * (1 - v + Math.log(v))) return d * v;
    }
  }

  beta(a: number, b: number): number {
    const x = this.gamma(a);
    return x / (x + this.gamma(b));
  }

  /** Inversion below a mean of 10, Hörmann's PTRS above: exact, and as fast for a million as for ten. */
  poisson(mean: number): number {
    if (!(mean > 0)) return 0;
    return mean < 10 ? this.poissonByInversion(mean) : this.poissonByRejection(mean);
  }

  /** Counts of the mean with variance `dispersion` × mean, a gamma-Poisson; `dispersion` 1 is Poisson. */
  negativeBinomial(mean: number, dispersion: number): number {
    const excess = dispersion - 1;
    if (excess < 1e-4) return this.poisson(mean);
    const clusters = (mean * Math.log(dispersion)) / excess;
    if (clusters > 4) return this.poisson(this.gamma(mean / excess) * excess);
    // The same law, cheaper where counts are small: a Poisson number of clusters of logarithmic size.
    let total = 0;
    for (let left = this.poisson(clusters); left > 0; left -= 1)
      total += this.logarithmic(excess / dispersion);
    return total;
  }

  binomial(trials: number, share: number): number {
    if (!(share > 0) || trials <= 0) return 0;
    if (share > 0.5) return trials - this.binomial(trials, 1 - share);
    return trials * share < 10
      ? this.binomialByInversion(trials, share)
      : this.binomialByRejection(trials, share);
  }

  /** Trials up to and with the first success: 1, 2, … of mean `1 / share`. */
  geometric(share: number): number {
    return 1 + Math.floor(Math.log(this.unit()) / Math.log1p(-share));
  }

  private normalTail(positive: boolean): number {
    for (;;) {
      const x = this.exponential() / zigguratTail;
      if (2 * this.exponential() >= x * x) return positive ? zigguratTail + x : -zigguratTail - x;
    }
  }

  private poissonByInversion(mean: number): number {
    let left = this.unit();
    if (left < 1 - mean) return 0;
    let probability = Math.exp(-mean);
    let count = 0;
    while (left > probability && count < 200) {
      left -= probability;
      count += 1;
      probability *= mean / count;
    }
    return count;
  }

  private poissonByRejection(mean: number): number {
    const b = 0.931 + 2.53 * Math.sqrt(mean);
    const a = -0.059 + 0.02483 * b;
    const sure = 0.9277 - 3.6224 / (b - 2);
    for (;;) {
      const u = this.unit() - 0.5;
      const v = this.unit();
      const near = 0.5 - Math.abs(u);
      const count = Math.floor(((2 * a) / near + b) * u + mean + 0.43);
      if (near >= 0.07 && v <= sure) return count;
      if (count < 0 || (near < 0.013 && v > near)) continue;
      const scale = 1.1239 + 1.1328 / (b - 3.4);
      const height = Math.log((v * scale) / (a / (near * near) + b));
      if (height <= count * Math.log(mean) - mean - logFactorial(count)) return count;
    }
  }

  private logarithmic(share: number): number {
    let left = this.unit();
    let probability = -share / Math.log1p(-share);
    let size = 1;
    while (left > probability && size < 1_000) {
      left -= probability;
      probability *= (share * size) / (size + 1);
      size += 1;
    }
    return size;
  }

  private binomialByInversion(trials: number, share: number): number {
    let left = this.unit();
    if (left < 1 - trials * share) return 0;
    const odds = share / (1 - share);
    let probability = Math.exp(trials * Math.log1p(-share));
    let count = 0;
    while (left > probability && count < trials) {
      left -= probability;
      count += 1;
      probability *= (odds * (trials - count + 1)) / count;
    }
    return count;
  }

  /** Hörmann's BTRS. */
  private binomialByRejection(trials: number, share: number): number {
    const spread = Math.sqrt(trials * share * (1 - share));
    const b = 1.15 + 2.53 * spread;
    const a = -0.0873 + 0.0248 * b + 0.01 * share;
    const centre = trials * share + 0.5;
    const sure = 0.92 - 4.2 / b;
    const mode = Math.floor((trials + 1) * share);
    const logOdds = Math.log(share / (1 - share));
    for (;;) {
      const u = this.unit() - 0.5;
      const v = this.unit();
      const near = 0.5 - Math.abs(u);
      const count = Math.floor(((2 * a) / near + b) * u + centre);
      if (near >= 0.07 && v <= sure) return count;
      if (count < 0 || count > trials) continue;
      const height = Math.log((v * (2.83 + 5.1 / b) * spread) / (a / (near * near) + b));
      const bound =
        logFactorial(mode) +
        logFactorial(trials - mode) -
        logFactorial(count) -
        logFactorial(trials - count) +
        (count - mode) * logOdds;
      if (height <= bound) return count;
    }
  }
}

/** Four words of a text: FNV-1a, then a mixer, so that neighbouring seeds are not neighbours. */
function hashWords(text: string): number[] {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return [1, 2, 3, 4].map((word) => mix(hash + Math.imul(word, 0x9e3779b9)));
}

function mix(word: number): number {
  const once = Math.imul(word ^ (word >>> 16), 0x21f0aaad);
  const twice = Math.imul(once ^ (once >>> 15), 0x735a2d97);
  return twice ^ (twice >>> 15);
}

const zigguratTail = 3.442619855899;
const zigguratEdge = new Int32Array(128);
const zigguratScale = new Float64Array(128);
const zigguratHeight = new Float64Array(128);
fillZiggurat();

function fillZiggurat(): void {
  const area = 9.91256303526217e-3;
  const half = 2 ** 31;
  let x = zigguratTail;
  let outer = x;
  const base = area / Math.exp(-0.5 * x * x);
  zigguratEdge[0] = (x / base) * half;
  zigguratScale[0] = base / half;
  zigguratHeight[0] = 1;
  zigguratScale[127] = x / half;
  zigguratHeight[127] = Math.exp(-0.5 * x * x);
  for (let layer = 126; layer >= 1; layer -= 1) {
    x = Math.sqrt(-2 * Math.log(area / x + Math.exp(-0.5 * x * x)));
    zigguratEdge[layer + 1] = (x / outer) * half;
    outer = x;
    zigguratHeight[layer] = Math.exp(-0.5 * x * x);
    zigguratScale[layer] = x / half;
  }
  zigguratEdge[1] = 0;
}
