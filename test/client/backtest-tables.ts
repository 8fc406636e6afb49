import type { Trace } from '../../client/backtest/trace.ts';

const columns = [
  ['req', 'requests'],
  ['err', 'errors'],
  ['p95_ms', 'p95Ms'],
  ['mem_pct', 'memoryPercent'],
  ['db_err', 'dbErrors'],
  ['hc_fail', 'healthFailed'],
  ['peer_req', 'peerRequests'],
  ['peer_err', 'peerErrors'],
  ['peer_p95_ms', 'peerP95Ms'],
] as const;

/** A trace as the text of its file. */
export function tableOf(trace: Trace): string {
  const lines = [['t', ...columns.map(([name]) => name)].join(',')];
  for (let row = 0; row < trace.requests.length; row += 1) {
    const cells = columns.map(([, key]) => {
      const value = trace[key][row] as number;
      return Number.isNaN(value) ? '' : String(Math.round(100 * value) / 100);
    });
    lines.push([row - 1440, ...cells].join(','));
  }
  return `${lines.join('\n')}\n`;
}
