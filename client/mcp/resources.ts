import { type McpServer, ResourceNotFoundError, ResourceTemplate } from '@modelcontextprotocol/server';
import { incidentMarkdown } from '../incident-markdown.ts';
import { RollbackApiError, type RollbackClient } from '../rollback-client.ts';
import { incidentLine, lessonsText } from './incident-tools.ts';

const markdown = 'text/markdown';
const listed = 50;

/** What is remembered, for an agent to read: an incident, the newest ones, the lessons of a product. */
export function addResources(server: McpServer, client: RollbackClient): void {
  server.registerResource(
    'recent incidents',
    'incidents://recent',
    { title: 'Recent incidents', description: 'Newest first, one line each', mimeType: markdown },
    async ({ href }) => {
      const { incidents } = await client.incidents({ limit: listed });
      return text(
        href,
        incidents.map((incident) => `- ${incidentLine(incident)}`).join('\n') || 'No incidents.',
      );
    },
  );
  server.registerResource(
    'incident',
    new ResourceTemplate('incident://{id}', {
      list: async () => ({
        resources: (await newest()).map(({ id, reason }) => ({
          uri: `incident://${id}`,
          name: id,
          description: reason,
          mimeType: markdown,
        })),
      }),
      complete: {
        id: async (begun) =>
          matching(
            begun,
            (await newest()).map(({ id }) => id),
          ),
      },
    }),
    { title: 'Incident report', description: 'Triggers, cause, timeline, changes, logs', mimeType: markdown },
    async ({ href }, { id }) => {
      const found = await client.incident(String(id)).catch(notFoundAt(href));
      return text(href, incidentMarkdown(found));
    },
  );
  server.registerResource(
    'lessons',
    new ResourceTemplate('lessons://{product}', {
      list: async () => ({
        resources: (await products()).map((name) => ({
          uri: `lessons://${name}`,
          name: `lessons of ${name}`,
          mimeType: markdown,
        })),
      }),
      complete: { product: async (begun) => matching(begun, await products()) },
    }),
    {
      title: 'Lessons of a product',
      description: 'What went wrong and what fixed it, newest first',
      mimeType: markdown,
    },
    async ({ href }, { product }) => {
      const { lessons } = await client
        .lessons({ product: String(product), limit: 20 })
        .catch(notFoundAt(href));
      return text(href, lessonsText(lessons));
    },
  );

  async function newest() {
    return (await client.incidents({ limit: listed })).incidents;
  }

  async function products(): Promise<string[]> {
    return [...new Set((await client.products()).products.map(({ product }) => product))];
  }
}

function text(uri: string, content: string) {
  return { contents: [{ uri, mimeType: markdown, text: content }] };
}

function matching(begun: string, names: readonly string[]): string[] {
  return names.filter((name) => name.startsWith(begun)).slice(0, 100);
}

function notFoundAt(uri: string) {
  return (error: unknown): never => {
    if (error instanceof RollbackApiError && [400, 404].includes(error.status))
      throw new ResourceNotFoundError(uri, error.message);
    throw error;
  };
}
