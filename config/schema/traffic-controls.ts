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

export const trafficControl = byKind([proxy, haproxy]).describe(
  'What stands before the service. Absent: a rollback leaves traffic alone.',
);

export type TrafficSettings = z.infer<typeof trafficControl>;
