import fc from 'fast-check';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import {
  createPrometheusTextParser,
  type MetricSample,
  type PageSummary,
} from '../../../adapters/metrics/prometheus-text.ts';

function parse(text: string, wanted: string[], pieceLength = text.length || 1) {
  const samples: { name: string; labels: Record<string, string>; value: number }[] = [];
  const declared: string[] = [];
  const onSample = (sample: MetricSample) =>
    samples.push({ ...sample, labels: Object.fromEntries(sample.labels) });
  const parser = createPrometheusTextParser({
    wanted: new Set(wanted),
    onSample,
    onDeclared: (name) => declared.push(name),
  });
  for (let at = 0; at < text.length; at += pieceLength) parser.write(text.slice(at, at + pieceLength));
  const summary: PageSummary = parser.end();
  return { samples, declared, summary };
}

const labelValue = fc.string({ unit: 'binary', maxLength: 12 });
const series = fc.record({
  route: labelValue,
  status: labelValue,
  by: fc.double({ min: 0, max: 1e9, noNaN: true }),
});

describe('Prometheus text', () => {
  it('reads back whatever prom-client writes, in pieces of any length', async () => {
    const given = fc.tuple(fc.array(series, { maxLength: 8 }), fc.integer({ min: 1, max: 200 }));
    await fc.assert(
      fc.asyncProperty(given, async ([rows, pieceLength]) => {
        const registry = new Registry();
        const labelNames = ['route', 'status'];
        const counter = new Counter({
          name: 'hits_total',
          help: 'a\nb \\ c',
          labelNames,
          registers: [registry],
        });
        for (const { by, ...labels } of rows) counter.inc(labels, by);
        const expected = (await counter.get()).values.map(({ labels, value }) => ({
          name: 'hits_total',
          labels,
          value,
        }));
        const found = parse(await registry.metrics(), ['hits_total'], pieceLength);
        expect(found.samples).toEqual(expected);
        expect(found.summary).toEqual({ samples: expected.length, declared: 1, malformed: 0 });
      }),
    );
  });

  it('reads gauges of any value and histograms with their buckets, sum and count', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.double(),
        fc.array(fc.double({ min: 0, max: 1e6, noNaN: true })),
        async (level, seen) => {
          const registry = new Registry();
          new Gauge({ name: 'level', help: 'h', registers: [registry] }).set(level);
          const histogram = new Histogram({
            name: 'took',
            help: 'h',
            buckets: [0.1, 1, 10],
            registers: [registry],
          });
          for (const value of seen) histogram.observe(value);
          const { samples } = parse(await registry.metrics(), ['level', 'took_bucket', 'took_count']);
          const value = (name: string, le?: string) =>
            samples.find((sample) => sample.name === name && (le === undefined || sample.labels.le === le))
              ?.value;
          expect(value('level')).toBe(level === 0 ? value('level') : level);
          for (const le of [0.1, 1, 10]) {
            expect(value('took_bucket', String(le))).toBe(seen.filter((x) => x <= le).length);
          }
          expect(value('took_bucket', '+Inf')).toBe(seen.length);
          expect(value('took_count')).toBe(seen.length);
        },
      ),
    );
  });

  it('never throws, whatever the text, and says the same in pieces as in one', () => {
    const line = fc.oneof(
      fc.string(),
      fc.constantFrom(
        'a{',
        'a{b="',
        'a{b="c"',
        'a{b="c"}',
        'a 1',
        '{"a"} 1',
        '# TYPE',
        'a{b=c} 1',
        '\\',
        'a 1 2 3',
      ),
    );
    fc.assert(
      fc.property(fc.array(line), fc.integer({ min: 1, max: 9 }), (lines, pieceLength) => {
        const text = lines.join('\n');
        expect(parse(text, ['a'], pieceLength)).toEqual(parse(text, ['a']));
      }),
    );
  });

  it('reads timestamps, exemplars, `# EOF` and OpenMetrics names', () => {
    const page = [
      '# TYPE hits counter',
      '# UNIT hits hits',
      'hits_total{code="200"} 17.0 1520879607.789 # {trace_id="a } b"} 0.67 1520879606.1',
      'hits_created{code="200"} 1520872607.123',
      'hits_total 3 1395066363000',
      '# EOF',
    ].join('\n');
    const { samples, declared, summary } = parse(page, ['hits_total']);
    expect(samples).toEqual([
      { name: 'hits_total', labels: { code: '200' }, value: 17 },
      { name: 'hits_total', labels: {}, value: 3 },
    ]);
    expect(declared).toEqual(['hits']);
    expect(summary).toEqual({ samples: 3, declared: 1, malformed: 0 });
  });

  it('reads names in quotes, trailing commas, blanks and line ends of Windows', () => {
    const page = '{"http.requests", "a.b"="1",} 4\r\n  hits { code = "a\\"\\\\\\nb" , }   5e3  \r\n';
    const { samples } = parse(page, ['http.requests', 'hits']);
    expect(samples).toEqual([
      { name: 'http.requests', labels: { 'a.b': '1' }, value: 4 },
      { name: 'hits', labels: { code: 'a"\\\nb' }, value: 5000 },
    ]);
  });

  it('tells HTML, JSON and prose from metrics', () => {
    for (const page of [
      '<html>\n<body>\nvar x = 5\n</html>',
      '{"status":"ok"}',
      'Service is up and running',
    ]) {
      const { summary } = parse(page, ['hits']);
      expect(summary.samples).toBe(0);
      expect(summary.malformed).toBeGreaterThan(0);
    }
  });

  it('skips a line of many megabytes and goes on with the next', () => {
    const page = `hits{a="${'x'.repeat(3_000_000)}"} 1\nhits 2\n`;
    const { samples, summary } = parse(page, ['hits'], 10_000);
    expect(samples).toEqual([{ name: 'hits', labels: {}, value: 2 }]);
    expect(summary.malformed).toBe(1);
  });
});
