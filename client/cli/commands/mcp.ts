import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { createMcpServer } from '../../mcp/mcp-server.ts';
import { createRollbackClient } from '../../rollback-client.ts';
import { apiPlace, type CommonOptions, whoAmI } from '../context.ts';
import { version } from '../version.ts';

/** An agent waits for an answer; longer than this it shall rather be told. */
const retryForMs = 10_000;

/** `orchestrator mcp`: speaks the Model Context Protocol on stdin and stdout until stdin ends. */
export async function mcp(_args: string[], options: CommonOptions): Promise<void> {
  const client = createRollbackClient({ ...apiPlace(options), retryForMs });
  const server = serveStdio(() => createMcpServer({ client, version: version(), user: whoAmI() }), {
    onerror: (error) => process.stderr.write(`orchestrator mcp: ${error.message}\n`),
  });
  await new Promise((resolve) => process.stdin.once('end', resolve));
  await server.close();
}
