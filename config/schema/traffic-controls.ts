import { z } from 'zod';
import { byKind, mapping, text, url } from './fields.ts';

const proxy = mapping({
  kind: z.literal('proxy').describe('The built-in proxy'),
  control_url: url('Its control address, like http://127.0.0.1:4001'),
  token_file: text('Holds its token', 'a file'),
});

export const trafficControl = byKind([proxy]).describe(
  'What stands before the service. Absent: a rollback leaves traffic alone.',
);

export type TrafficSettings = z.infer<typeof trafficControl>;
