import { McpServer } from '@modelcontextprotocol/server';
import type { RollbackClient } from '../rollback-client.ts';
import { addDeploymentTools } from './deployment-tools.ts';
import { addIncidentTools } from './incident-tools.ts';
import { addMonitorTool } from './monitor-tool.ts';
import { addPeopleTools } from './people-tools.ts';
import { addResources } from './resources.ts';

export interface McpOptions {
  readonly client: RollbackClient;
  readonly version: string;
  /** For whom the agent acts; the API tells it beside the token's own name. */
  readonly user: string;
}

const instructions = `Every deployment is watched for 24 hours and rolled back by itself when it goes bad.
After a production deployment call monitor_deployment; before one, ask gate. Before you look for a cause, ask lessons whether the pattern has
happened before, and what fixed it. roll_back, pause and resume change production: say why, and do it only when you were asked to.
Times that end in Ms are milliseconds since the epoch.`;

/** What an agent can do: the HTTP API's calls as tools, incidents as resources. */
export function createMcpServer({ client, version, user }: McpOptions): McpServer {
  const server = new McpServer({ name: 'rollback-orchestrator', version }, { instructions });
  const by = () => {
    const agent = server.server.getClientVersion()?.name;
    return agent === undefined ? user : `${user} through ${agent}`;
  };
  addDeploymentTools(server, client);
  addMonitorTool(server, client);
  addPeopleTools(server, client, by);
  addIncidentTools(server, client);
  addResources(server, client);
  return server;
}
