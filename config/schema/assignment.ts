import { z } from 'zod';
import { type TriggerType, triggerTypes } from '../../domain/detection/verdict.ts';
import type { Cause } from '../../domain/root-cause.ts';
import { mapping, text, url } from './fields.ts';

const causes = Object.keys({
  n_plus_one_query: true,
  listener_leak: true,
  unbounded_growth: true,
  database_connections: true,
  dependency_failure: true,
  code_error: true,
  process_crash: true,
  unknown: true,
} satisfies Record<Cause, true>) as Cause[];

const triggersAndCauses: readonly (TriggerType | Cause)[] = [...triggerTypes, ...causes];

const assignment = mapping({
  github: text('Assigned to the issue', 'a GitHub login').optional(),
  label: text('Put on the issue').optional(),
  webhook: url('Told of the incident: an agent, or the system of a team (a secret)').optional(),
  role: text('How the report calls them: Backend Engineer').optional(),
});

export const assignments = z
  .partialRecord(z.enum(triggersAndCauses, triggersAndCauses.join(', ')), assignment, {
    error: ({ code }: { readonly code?: string }) =>
      code === 'unrecognized_keys'
        ? triggersAndCauses.join(', ')
        : 'a mapping from triggers and causes to github, label, webhook and role',
  })
  .nullish()
  .describe('Who gets an incident by its cause or trigger; default the support engineer.');
