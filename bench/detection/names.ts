/** What people call the things of the bench, in tables and pictures. */

/** Detectors of the published tables, in their order. Those which look at errors only are in the JSON file. */
export const detectorTitles: Readonly<Record<string, string>> = {
  ours: 'ours',
  literal: 'specification, literally',
  'failure-limit': 'fixed thresholds, failure limit',
  'mann-whitney': 'Mann-Whitney, Kayenta’s constants',
  'always-valid': 'always-valid test',
  'rule-d': 'rule D',
};

export const regressionTitles: Readonly<Record<string, string>> = {
  err_x10: 'Errors ×10',
  err_x5: 'Errors ×5',
  err_x3: 'Errors ×3',
  'lat_x1.7': 'Latency ×1.7',
  lat_x2: 'Latency ×2',
  lat_x3: 'Latency ×3',
  partial10: 'One instance of ten bad',
  crash: 'Crash loop',
  outage: '30 % of the requests fail',
  dbpool: 'Connection pool exhausted',
};

export const noiseTitles: Readonly<Record<string, string>> = {
  poisson: 'Poisson counts only',
  nb: 'Over-dispersed counts and slow swings',
  burst: 'The same and transients, two of errors and two of latency a day',
  'burst, warm-up doubled': 'The same with transients, warm-up doubled',
  'burst, 5 % of the transients last 8-29 min': 'The same with transients, of which 5 % last 8 to 29 minutes',
};

export const levels = [50, 200, 1000, 5000] as const;

export function levelTitle(requestsPerMinute: number): string {
  return requestsPerMinute.toLocaleString('en');
}
