import type { App } from '../app-types.ts';
import { operationTexts, tags } from './operations.ts';

/** What of an operation is read and written here. */
export interface Operation {
  operationId?: string;
  tags?: string[];
  summary?: string;
  'x-permission'?: string;
  'x-codeSamples'?: { lang: string; label: string; source: string }[];
  parameters?: Parameter[];
  requestBody?: { required?: boolean; content?: Record<string, { schema?: Schema }> };
  responses?: Record<string, { description?: string }>;
}

export interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  description?: string;
  schema?: Schema;
}

export interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  default?: unknown;
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  anyOf?: Schema[];
  items?: Schema;
  additionalProperties?: Schema | boolean;
  format?: string;
}

export interface ApiDocument {
  paths: Record<string, Record<string, Operation>>;
  components?: { schemas?: Record<string, Schema> };
  tags?: { name: string; description: string }[];
}

/** The API's document, made of its routes and schemas; what people and generators need besides comes from one table. */
export function openApiDocument(app: App): ApiDocument {
  const document = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'Rollback orchestrator', version: '1' },
    security: [{ token: [] }],
  }) as unknown as ApiDocument;
  document.tags = Object.entries(tags).map(([name, description]) => ({ name, description }));
  for (const [path, operations] of Object.entries(document.paths))
    for (const [method, operation] of Object.entries(operations)) {
      if (operation.requestBody !== undefined)
        operation.requestBody.required = needsBody(operation.requestBody, document);
      const text = operationTexts[`${method} ${path}`];
      if (text === undefined) continue;
      operation.operationId = text.id;
      operation.tags = [text.tag];
      operation.summary = text.summary;
      operation['x-codeSamples'] = [
        { lang: 'Shell', label: 'curl', source: curlOf(method, path, text.query, text.body) },
      ];
    }
  return document;
}

/** The routes say `required`, so that what comes is checked and defaults are filled in; where nothing in it is, none need come. */
function needsBody({ content }: NonNullable<Operation['requestBody']>, { components }: ApiDocument): boolean {
  return Object.values(content ?? {}).some(({ schema }) => {
    const name = schema?.$ref?.split('/').at(-1);
    const found = name === undefined ? schema : components?.schemas?.[name];
    return (found?.required ?? []).length > 0;
  });
}

const examples: Readonly<Record<string, string>> = {
  product: 'shop',
  deployment: 'build-412',
  release: 'v2.6.0',
  incident: 'inc-2026-01-26-shop-1f2e3d4c',
  token: 'ci',
};

function curlOf(method: string, path: string, query = '', body?: unknown): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => examples[name] ?? name);
  const lines = [
    `curl ${method === 'get' ? '' : `--request ${method.toUpperCase()} `}"$ORCHESTRATOR_API${filled}${query}"`,
    '  --header "authorization: Bearer $ORCHESTRATOR_TOKEN"',
  ];
  if (body !== undefined)
    lines.push("  --header 'content-type: application/json'", `  --data '${JSON.stringify(body)}'`);
  return lines.join(' \\\n');
}
