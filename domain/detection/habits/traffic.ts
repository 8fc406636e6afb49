import { binOf, type Season, seasonAt, seasonBins } from '../season.ts';
import type { Minute } from './habits.ts';
import { sum } from './numbers.ts';
import { weeklyTraffic } from './week.ts';

const minuteMs = 60_000;

export function trafficSeason(history: readonly Minute[]): Season {
  const requests = new Float64Array(seasonBins);
  const minutes = new Float64Array(seasonBins);
  for (const minute of history) {
    const bin = binOf(minute.atMs - minute.durationMs / 2);
    requests[bin] = (requests[bin] as number) + minute.requests;
    minutes[bin] = (minutes[bin] as number) + minute.durationMs / minuteMs;
  }
  const mean = sum(requests) / Math.max(1, sum(minutes));
  const daily = Array.from(requests, (count, bin) =>
    (minutes[bin] as number) > 0 ? count / (minutes[bin] as number) : mean,
  );
  return weeklyTraffic(daily, history);
}

export function levelOf(recent: readonly Minute[], traffic: Season): number {
  let seen = 0;
  let usual = 0;
  for (const { atMs, durationMs, requests } of recent) {
    seen += requests;
    usual += (seasonAt(traffic, atMs - durationMs / 2) * durationMs) / minuteMs;
  }
  return usual > 0 && seen > 0 ? seen / usual : 1;
}
