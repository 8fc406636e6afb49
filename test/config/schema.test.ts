import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { jsonSchemaText } from '../../config/schema/config-file.ts';
import { fullEnv, parse } from './builders.ts';

const textOf = (place: string) => readFileSync(new URL(place, import.meta.url), 'utf8');
const example = textOf('../../examples/rollback-config.yml');

type Schema = {
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | false;
  anyOf?: Schema[];
  oneOf?: Schema[];
  items?: Schema;
};

/** Every key of the schema, `*` standing for any name. */
function keysOf(schema: Schema | false | undefined): string[] {
  if (!schema) return [];
  const below = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.items ? [schema.items] : [])];
  const named = Object.entries(schema.properties ?? {}).flatMap(([key, inner]) => [key, ...keysOf(inner)]);
  return [...named, ...below.flatMap(keysOf), ...keysOf(schema.additionalProperties)];
}

/** What an editor makes of the generated text. */
function editorSchema() {
  return z.fromJSONSchema(JSON.parse(jsonSchemaText()));
}

describe('the JSON schema for editors', () => {
  it('is committed as it is generated; else run: node config/write-json-schema.ts', () => {
    expect(textOf('../../docs/rollback-config.schema.json') === jsonSchemaText()).toBe(true);
  });

  it.each([
    ['the specification', textOf('./specification.yml.txt')],
    ['the example', example],
    ['an empty section', 'rollback_policy:\n'],
  ])('accepts %s', (_name, source) => {
    expect(editorSchema().safeParse(parseYaml(source))).toMatchObject({ success: true });
  });

  it('refuses an unknown key', () => {
    expect(editorSchema().safeParse({ rollback_policy: { enabeld: true } })).toMatchObject({
      success: false,
    });
  });
});

describe('the annotated example', () => {
  it('is valid without a warning', () => {
    expect(parse(example, { env: fullEnv, store: 'postgres://db' })).toMatchObject({
      problems: [],
      warnings: [],
    });
  });

  it('shows every key there is', () => {
    const schema = JSON.parse(jsonSchemaText()) as Schema;
    const unshown = [...new Set(keysOf(schema))].filter((key) => !new RegExp(`\\b${key}:`).test(example));
    expect(unshown).toEqual([]);
  });
});
