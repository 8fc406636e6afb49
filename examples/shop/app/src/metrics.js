const boundsSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
const startedAtSeconds = Date.now() / 1_000 - process.uptime();

/** What the shop counts, and the page in Prometheus' text format that shows it. */
export function createMetrics() {
  const requests = new Map();
  const durations = new Map();
  let connectionErrors = 0;
  return {
    countRequest({ method, route, status, seconds }) {
      const labels = `method="${method}",route="${route}"`;
      const counted = `${labels},status="${status}"`;
      requests.set(counted, (requests.get(counted) ?? 0) + 1);
      const histogram = durations.get(labels) ?? { buckets: boundsSeconds.map(() => 0), sum: 0, count: 0 };
      durations.set(labels, histogram);
      boundsSeconds.forEach((bound, i) => {
        if (seconds <= bound) histogram.buckets[i] += 1;
      });
      histogram.sum += seconds;
      histogram.count += 1;
    },
    countConnectionError() {
      connectionErrors += 1;
    },
    page() {
      const { user, system } = process.cpuUsage();
      const lines = [
        '# TYPE http_requests_total counter',
        ...Array.from(requests, ([labels, count]) => `http_requests_total{${labels}} ${count}`),
        '# TYPE http_request_duration_seconds histogram',
        ...Array.from(durations, ([labels, histogram]) => histogramLines(labels, histogram)).flat(),
        ...single('db_connection_errors_total', 'counter', connectionErrors),
        ...single('process_resident_memory_bytes', 'gauge', process.memoryUsage.rss()),
        ...single('process_cpu_seconds_total', 'counter', (user + system) / 1e6),
        ...single('process_start_time_seconds', 'gauge', startedAtSeconds),
      ];
      return `${lines.join('\n')}\n`;
    },
  };
}

function histogramLines(labels, { buckets, sum, count }) {
  const name = 'http_request_duration_seconds';
  return [
    ...boundsSeconds.map((bound, i) => `${name}_bucket{${labels},le="${bound}"} ${buckets[i]}`),
    `${name}_bucket{${labels},le="+Inf"} ${count}`,
    `${name}_sum{${labels}} ${sum}`,
    `${name}_count{${labels}} ${count}`,
  ];
}

function single(name, type, value) {
  return [`# TYPE ${name} ${type}`, `${name} ${value}`];
}
