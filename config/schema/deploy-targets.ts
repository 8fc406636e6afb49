import { z } from 'zod';
import {
  about,
  byKind,
  duration,
  environmentVariables,
  mapping,
  second,
  text,
  texts,
  wholeNumber,
} from './fields.ts';

const stepTimeout = duration(
  'seconds',
  'Restore and restart of this service may take, each; default rollback.step_timeout_seconds',
).optional();

const localProcess = mapping({
  kind: z.literal('local-process').describe('Plain processes on this machine'),
  root: text('Holds <service>/releases/<release>/ and <service>/current', 'a folder'),
  command: texts('Program and arguments, run without a shell in the folder of the release'),
  instances: wholeNumber('Processes', 1, 1_000, 1).optional(),
  base_port: wholeNumber('Instance i listens on this port + i, told by PORT', 1, 65_535),
  way: z
    .enum(['replace', 'shift'], 'replace, shift')
    .meta(
      about(
        'replace: one release at a time, users see a maintenance page meanwhile; shift: the old release is started and healthy beside the new one before traffic moves (needs traffic)',
        'replace',
      ),
    )
    .optional(),
  beside_base_port: wholeNumber(
    'way shift: where the second set of processes listens; default base_port + instances',
    1,
    65_535,
  ).optional(),
  env: environmentVariables('With PATH and HOME the whole environment of the processes').optional(),
  stop_timeout_seconds: duration('seconds', 'From SIGTERM to SIGKILL', 5 * second).optional(),
  step_timeout_seconds: stepTimeout,
});

const command = mapping({
  kind: z.literal('command').describe('Whatever a script can deploy to'),
  live: texts('Prints the live release, or JSON with configured and instances'),
  restorable: texts('Exit code 0: the release can be restored'),
  restore: texts('Makes {release} the configured one; may be run again with the same {key}'),
  restart: texts('Makes the service run the configured release; may be run again with the same {key}'),
  cwd: text('Where the commands run; default the folder of this file', 'a folder').optional(),
  env: environmentVariables('With PATH and HOME the whole environment of the commands').optional(),
  time_limit_seconds: duration('seconds', 'For each command', 300 * second).optional(),
  step_timeout_seconds: stepTimeout,
});

export const deployTarget = byKind([localProcess, command]).describe(
  'Where the service runs. {service}, {release} and {key} are replaced within arguments of commands.',
);

export type DeployTargetSettings = z.infer<typeof deployTarget>;
