import type { ApiDocument, Operation, Parameter, Schema } from './openapi-document.ts';

/** `docs/api.md`: every call with its permission, parameters, answers and an example. */
export function apiPage(document: ApiDocument): string {
  const calls = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => ({
      call: `${method.toUpperCase()} ${path}`,
      operation,
    })),
  );
  const sections = (document.tags ?? []).flatMap(({ name, description }) => [
    `## ${name}`,
    '',
    `${description}.`,
    '',
    ...calls
      .filter(({ operation }) => operation.tags?.includes(name))
      .flatMap(({ call, operation }) => callLines(call, operation, document)),
  ]);
  return `${[...introduction, ...sections].join('\n').trimEnd()}\n`;
}

const introduction = [
  '# The HTTP API',
  '',
  'Made of the OpenAPI document, which the API serves at `/openapi.json` and which is made of the schemas that it checks by:',
  '`node client/api/document/write-api-page.ts`. Who has which permission is told in [access.md](access.md); programs in TypeScript',
  'use [the client library](library.md).',
  '',
  'Every call takes `authorization: Bearer TOKEN`. Every error is `{"error": "a sentence"}`: 400 malformed, 401 who calls is not proven,',
  '403 not allowed, 404 not known, 409 not possible now, 429 too often and 503 store or Temporal away (try again; `Retry-After` says when).',
  'Environment is `production` where it is not said. Fields that end in `Ms` are milliseconds since the epoch, or of duration.',
  '',
];

/** Told once, above. */
const everywhere = ['400', '401', '403', '404', '409', '429', '503'];

function callLines(call: string, operation: Operation, document: ApiDocument): string[] {
  const { summary = '', parameters = [], requestBody, responses = {} } = operation;
  const body = resolved(requestBody?.content?.['application/json']?.schema, document);
  const fields = Object.entries(body?.properties ?? {}).map(([name, schema]) =>
    fieldLine(name, schema, body?.required?.includes(name) === true, document),
  );
  const answers = Object.entries(responses)
    .filter(([status, { description }]) => !everywhere.includes(status) || isOwn(status, description))
    .map(([status, { description }]) => `${status}: ${description}`);
  return [
    `### ${call}`,
    '',
    `${summary}. Permission: \`${operation['x-permission']}\`.`,
    '',
    ...parameters.map((parameter) => parameterLine(parameter, document)),
    ...fields,
    ...(parameters.length + fields.length === 0 ? [] : ['']),
    `Answers: ${answers.join('; ')}.`,
    '',
    '```sh',
    operation['x-codeSamples']?.[0]?.source ?? '',
    '```',
    '',
  ];
}

/** A 409 that is an answer and no error has words of its own. */
function isOwn(status: string, description = ''): boolean {
  return status === '409' && description !== 'Not possible now';
}

function parameterLine(
  { name, in: place, schema, description, required }: Parameter,
  document: ApiDocument,
): string {
  const said = { ...schema, ...(description === undefined ? {} : { description }) };
  return fieldLine(name, said, required === true, document, place);
}

function fieldLine(
  name: string,
  schema: Schema,
  isRequired: boolean,
  document: ApiDocument,
  place = 'body',
): string {
  const initial = schema.default === undefined ? '' : `, default \`${JSON.stringify(schema.default)}\``;
  const described = schema.description === undefined ? '' : `: ${schema.description}`;
  return `- \`${name}\` (${place}, ${typeOf(schema, document)}${isRequired ? ', required' : ''}${initial})${described}`;
}

function typeOf(given: Schema, document: ApiDocument): string {
  const schema = resolved(given, document) ?? given;
  if (schema.enum !== undefined) return schema.enum.map(String).join(' or ');
  if (schema.anyOf !== undefined)
    return [...new Set(schema.anyOf.map((one) => typeOf(one, document)))].join(' or ');
  if (schema.items !== undefined) return `list of ${typeOf(schema.items, document)}`;
  if (Array.isArray(schema.type)) return schema.type.join(' or ');
  if (schema.format === 'date-time' || schema.format === 'date') return schema.format;
  return schema.type ?? 'object';
}

function resolved(schema: Schema | undefined, document: ApiDocument): Schema | undefined {
  const name = schema?.$ref?.split('/').at(-1);
  return name === undefined ? schema : document.components?.schemas?.[name];
}
