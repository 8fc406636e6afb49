import { z } from 'zod';
import { byKind, duration, durationOrNone, mapping, second, text, texts, url } from './fields.ts';

const proxy = mapping({
  kind: z.literal('proxy').describe('The built-in proxy'),
  control_url: url('Its control address, like http://127.0.0.1:4001'),
  token_file: text('Holds its token', 'a file'),
});

const haproxy = mapping({
  kind: z.literal('haproxy').describe('HAProxy, by its runtime API'),
  sockets: texts('Stats socket of each HAProxy before the service, level admin: a path, or host:port'),
  backend: text('Its servers are the slots that instances are put into', 'the name of a backend'),
  map: text('The map of the maintenance page, as haproxy.cfg names it', 'a file'),
  map_file: text('The same file where the worker can write it: for reloads', 'a file').optional(),
  server_state_file: text('Of the backend, where the worker can write it: for reloads', 'a file').optional(),
  drain_seconds: durationOrNone('seconds', 'Requests under way are waited for', 10 * second).optional(),
  up_within_seconds: duration('seconds', 'Until HAProxy calls an instance up', 30 * second).optional(),
  timeout_seconds: duration('seconds', 'Of one answer', 10 * second).optional(),
});

const nginx = mapping({
  kind: z.literal('nginx').describe('nginx on the machine of the worker, by an included file and reloads'),
  file: text('Written with each switch, and included in nginx.conf', 'a file'),
  upstream: text('Of the upstream in that file, and the beginning of its variables', 'a name'),
  state_url: url('Where nginx shows the state, like http://127.0.0.1:8079/api'),
  pid_file: text('Of nginx; default /run/nginx.pid', 'a file').optional(),
  test_command: texts('Program and arguments; default nginx -t').optional(),
  reload_command: texts('Program and arguments; default nginx -s reload').optional(),
  drain_seconds: durationOrNone('seconds', 'Requests under way are waited for', 10 * second).optional(),
  timeout_seconds: duration('seconds', 'Of one command, and of the new workers', 10 * second).optional(),
});

const awsAlb = mapping({
  kind: z.literal('aws-alb').describe('A rule of an Application Load Balancer'),
  rule: text('Of the listener rule, or of the listener for its default action', 'an ARN'),
  target_groups: texts(
    'ARNs of the groups that instances are registered in: one, or one for each of two releases',
  ),
  url: url('Of the service through the load balancer: a switch returns when it is seen there').optional(),
  in_force_within_seconds: duration(
    'seconds',
    'Until targets are healthy, and until a switch is seen',
    120 * second,
  ).optional(),
  timeout_seconds: duration('seconds', 'Of one call of AWS, retries included', 20 * second).optional(),
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

export const trafficControl = byKind([
  proxy,
  haproxy,
  nginx,
  awsAlb,
  kubernetesService,
  kubernetesGateway,
]).describe('What stands before the service. Absent: a rollback leaves traffic alone.');

export type TrafficSettings = z.infer<typeof trafficControl>;
