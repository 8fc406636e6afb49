import { z } from 'zod';
import { access } from './access.ts';
import { assignments } from './assignment.ts';
import { mapping, name, section, text } from './fields.ts';
import { github } from './github.ts';
import { notifications } from './notifications.ts';
import { policyShape } from './policy.ts';
import { productSettings } from './product.ts';

export const configSchema = mapping({
  rollback_policy: section('When and how a release is rolled back.', { ...policyShape, notifications }),
  products: z
    .record(name('A product'), productSettings, 'a mapping from names to products')
    .nullish()
    .describe('What is deployed and watched.'),
  access,
  github,
  support_engineer: z
    .union(
      [
        text('A name, for the report only'),
        mapping({
          github: text('Assigned to the issue', 'a GitHub login'),
          name: text('For the report').optional(),
        }),
      ],
      'a name, or a mapping with github and name',
    )
    .describe('Who investigates incidents.')
    .optional(),
  assign: assignments,
  incidents_folder: text('Where incident reports are written', 'a folder').optional(),
});

/** The file as written: defaults not filled in, `${NAME}` not resolved. */
export type ConfigFile = z.infer<typeof configSchema>;

/** For editors: the text of `docs/rollback-config.schema.json`. */
export function jsonSchemaText(): string {
  const schema = z.toJSONSchema(configSchema, { target: 'draft-7', io: 'input' });
  return `${JSON.stringify({ title: 'rollback-config.yml', ...schema }, null, 2)}\n`;
}
