import { z } from 'zod';
import { byKind, duration, mapping, second, text, url } from './fields.ts';

const proxy = mapping({
  kind: z.literal('proxy').describe('The built-in proxy'),
  control_url: url('Its control address, like http://127.0.0.1:4001'),
  token_file: text('Holds its token', 'a file'),
});

/** Which cluster, and how long a switch may take. */
const cluster = {
  kubeconfig: text(
    'Default: the service account of the pod, else KUBECONFIG or ~/.kube/config',
    'a file',
  ).optional(),
  context: text('Of the kubeconfig; default its current one').optional(),
  timeout_seconds: duration('seconds', 'For one question to the API server', 5 * second).optional(),
};

const labels = z.record(
  z.string(),
  z.string('a mapping from labels to values'),
  'a mapping from labels to values',
);

const kubernetesService = mapping({
  kind: z.literal('kubernetes-service').describe('The selector of a Service'),
  namespace: text('Where the Service is', 'a namespace'),
  service: text('The Service that users come through', 'the name of a Service'),
  maintenance: labels
    .describe('Labels of the pods that answer in maintenance; without them connections are refused')
    .optional(),
  release_label: text(
    'Set to the release where the selector has it; default app.kubernetes.io/version',
    'a label',
  ).optional(),
  in_force_within_seconds: duration('seconds', 'Until a switch is with the nodes', 10 * second).optional(),
  ...cluster,
});

const kubernetesGateway = mapping({
  kind: z.literal('kubernetes-gateway').describe('The weights of an HTTPRoute of Gateway API'),
  namespace: text('Where the route is', 'a namespace'),
  route: text('The HTTPRoute that users come through', 'the name of an HTTPRoute'),
  maintenance: text(
    'The Service that answers in maintenance, a backend of the route',
    'the name of a Service',
  ),
  in_force_within_seconds: duration(
    'seconds',
    'Until the gateways have taken a switch',
    30 * second,
  ).optional(),
  ...cluster,
});

export const trafficControl = byKind([proxy, kubernetesService, kubernetesGateway]).describe(
  'What stands before the service. Absent: a rollback leaves traffic alone.',
);

export type TrafficSettings = z.infer<typeof trafficControl>;
