import { z } from 'zod';
import { byKind, duration, environmentVariables, mapping, second, text, texts } from './fields.ts';

const command = mapping({
  kind: z.literal('command').describe('A command of yours'),
  command: texts(
    'Exit code 0: {to} of {service} can live with what {from} left behind; any other: not, and the output says why',
  ),
  cwd: text('Where it runs; default the folder of this file', 'a folder').optional(),
  env: environmentVariables('With PATH and HOME the whole environment of the command').optional(),
  time_limit_seconds: duration('seconds', 'For the command: a rollback waits for it', 10 * second).optional(),
});

export const compatibility = byKind([command]).describe(
  'Asked before an older release is put back: does it know the schema that it will find? Absent: nobody asks.',
);

export type CompatibilitySettings = z.infer<typeof compatibility>;
