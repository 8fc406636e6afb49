import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import protobuf from 'protobufjs';
import { afterwards } from '../adapters/temporary.ts';

/** What a page in protobuf is made of; Prometheus reads native histograms from no other. */
const definition = `
syntax = "proto2";
message MetricFamily { optional string name = 1; optional int32 type = 3; repeated Metric metric = 4; }
message Metric { repeated LabelPair label = 1; optional Histogram histogram = 7; }
message LabelPair { optional string name = 1; optional string value = 2; }
message Histogram {
  optional uint64 sample_count = 1;
  optional double sample_sum = 2;
  optional sint32 schema = 5;
  optional double zero_threshold = 6;
  optional uint64 zero_count = 7;
  repeated BucketSpan positive_span = 12;
  repeated sint64 positive_delta = 13;
}
message BucketSpan { optional sint32 offset = 1; optional uint32 length = 2; }
`;
const histogramType = 4;

/** A service that serves a native histogram of schema 2 (four buckets to a doubling) for each status, and nothing else. */
export async function startNativeHistogramsPage() {
  const family = protobuf.parse(definition).root.lookupType('MetricFamily');
  const buckets = new Map<string, Map<number, number>>();
  const server = createServer((_request, response) => {
    const metric = [...buckets].map(([status, counts]) => ({
      label: [{ name: 'status_code', value: status }],
      histogram: histogramOf(counts),
    }));
    const page = { name: 'http_request_duration_seconds', type: histogramType, metric };
    const type =
      'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited';
    response.writeHead(200, { 'content-type': type });
    response.end(Buffer.from(family.encodeDelimited(family.fromObject(page)).finish()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  afterwards(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    target: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    serve(requests: number, status: string, latencyMs: number) {
      const index = Math.ceil(Math.log2(latencyMs / 1_000) * 4);
      const counts = buckets.get(status) ?? new Map<number, number>();
      buckets.set(status, counts.set(index, (counts.get(index) ?? 0) + requests));
    },
  };
}

/** Each bucket is a span of its own; its count is told as the difference to the one before. */
function histogramOf(counts: ReadonlyMap<number, number>) {
  const sorted = [...counts].toSorted(([a], [b]) => a - b);
  const all = sorted.reduce((sum, [, count]) => sum + count, 0);
  return {
    sampleCount: all,
    sampleSum: 0,
    schema: 2,
    zeroThreshold: 2 ** -128,
    zeroCount: 0,
    positiveSpan: sorted.map(([index], i) => ({
      offset: i === 0 ? index : index - (sorted[i - 1]?.[0] ?? 0) - 1,
      length: 1,
    })),
    positiveDelta: sorted.map(([, count], i) => count - (sorted[i - 1]?.[1] ?? 0)),
  };
}
