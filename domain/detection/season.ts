/** A value by time of day (UTC), in half-hour bins; seven days of them from a Thursday on are a week. */
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

/** Of a week's season the day that begins then: what a watch of 24 hours needs of it. */
export function dayAhead(season: Season, fromMs: number): Season {
  if (season.length <= seasonBins) return season;
  const first = Math.floor(fromMs / binMs);
  const day = new Array<number>(seasonBins).fill(0);
  for (let step = 0; step < seasonBins; step++)
    day[binOf((first + step) * binMs)] = binValue(season, first + step);
  return day;
}

/** Hours of the day from each half hour to the nearest one that was seen; `null`: none was. */
export function hoursUnseen(seenAtMs: readonly number[]): Season | null {
  const seen = new Set(seenAtMs.map(binOf));
  if (seen.size === 0) return null;
  return Array.from({ length: seasonBins }, (_, bin) => {
    let distance = 0;
    while (!seen.has((bin + distance) % seasonBins) && !seen.has((bin - distance + seasonBins) % seasonBins))
      distance += 1;
    return distance / 2;
  });
}

/** The same all day. */
export function flatSeason(value: number): Season {
  return [value];
}

function binValue(season: Season, index: number): number {
  const { length } = season;
  return season[((index % length) + length) % length] ?? 0;
}
