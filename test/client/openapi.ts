import { expect } from 'vitest';

interface Operation {
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
  }[];
  readonly requestBody?: { readonly content?: Record<string, { readonly schema?: unknown }> };
  readonly responses?: Record<
    string,
    { readonly description?: string; readonly content?: Record<string, { readonly schema?: unknown }> }
  >;
}

interface Document {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: {
    readonly schemas: Record<string, unknown>;
    readonly securitySchemes: Record<string, unknown>;
  };
  readonly security: readonly Record<string, unknown>[];
}

/** What a client generator needs: versions, responses and parameters everywhere, and every reference leading somewhere. */
export function expectValidOpenApi(given: unknown): void {
  const document = given as Document;
  expect(document.openapi).toMatch(/^3\.1\.\d+$/);
  expect(document.info).toMatchObject({ title: expect.any(String), version: expect.any(String) });
  for (const scheme of document.security.flatMap(Object.keys))
    expect(document.components.securitySchemes).toHaveProperty(scheme);
  expect(Object.keys(document.paths).length).toBeGreaterThan(15);
  for (const [path, operations] of Object.entries(document.paths)) {
    expect(path).toMatch(/^\/[a-zA-Z0-9{}/._-]+$/);
    for (const [method, operation] of Object.entries(operations)) {
      expect(['get', 'post', 'delete']).toContain(method);
      expectValidOperation(`${method} ${path}`, path, operation);
    }
  }
  for (const reference of referencesIn(document)) {
    const found = reference.slice(2).split('/').reduce<unknown>(step, document);
    expect(found, reference).toBeTypeOf('object');
  }
}

function expectValidOperation(
  name: string,
  path: string,
  { parameters = [], ...operation }: Operation,
): void {
  const placeholders = [...path.matchAll(/\{(\w+)\}/g)].map(([, placeholder]) => String(placeholder));
  const inPath = parameters.filter((parameter) => parameter.in === 'path');
  expect(inPath.map((parameter) => parameter.name).toSorted(), name).toEqual(placeholders.toSorted());
  expect(
    inPath.every(({ required }) => required === true),
    name,
  ).toBe(true);
  const responses = Object.entries(operation.responses ?? {});
  expect(responses.length, name).toBeGreaterThan(0);
  expect(
    responses.some(([status]) => status.startsWith('2')),
    name,
  ).toBe(true);
  for (const [status, { description, content = {} }] of responses) {
    expect(status, name).toMatch(/^[2-5]\d\d$/);
    expect(description, `${name} ${status}`).toBeTruthy();
    for (const { schema } of Object.values(content)) expect(schema, `${name} ${status}`).toBeTypeOf('object');
  }
  if (operation.requestBody !== undefined)
    expect(operation.requestBody.content?.['application/json']?.schema, name).toBeTypeOf('object');
}

function* referencesIn(value: unknown): Generator<string> {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    if (key === '$ref' && typeof inner === 'string') yield inner;
    else yield* referencesIn(inner);
  }
}

function step(value: unknown, name: string): unknown {
  return (value as Record<string, unknown> | undefined)?.[name];
}
