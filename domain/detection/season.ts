/** A value by time of day (UTC), in half-hour bins. */
export type Season = readonly number[];

export const seasonBins = 48;
const binMs = 30 * 60_000;

export function binOf(atMs: number): number {
  const bin = Math.floor(atMs / binMs) % seasonBins;
  return bin < 0 ? bin + seasonBins : bin;
}

/** Linear between the middles of the bins. */
export function seasonAt(season: Season, atMs: number): number {
  const position = atMs / binMs - 0.5;
  const lower = Math.floor(position);
  const part = position - lower;
  return (1 - part) * binValue(season, lower) + part * binValue(season, lower + 1);
}

/** The same all day. */
export function flatSeason(value: number): Season {
  return [value];
}

function binValue(season: Season, index: number): number {
  const { length } = season;
  return season[((index % length) + length) % length] ?? 0;
}
