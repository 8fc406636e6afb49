import type { McpServer, ServerContext } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { outcomes } from '../../domain/deployment.ts';
import type { RollbackClient, Scope } from '../rollback-client.ts';
import { deploymentText, storyOf } from './deployment-tools.ts';
import { releasesShape, scopeOf, scopeShape } from './inputs.ts';
import { answered, type ToolAnswer } from './tool-answer.ts';

/** Clients give up on a call after a minute. */
const longestSeconds = 50;
const lookEveryMs = 2_000;

const result = z.object({
  product: z.string(),
  environment: z.string(),
  deployment: z.string().describe('give it to the next call'),
  done: z.boolean().describe('the task is over'),
  state: z.enum(['waiting', 'watching', 'ended']),
  outcome: z.enum(outcomes).nullable(),
  reason: z.string().nullable(),
  incident: z.string().nullable().describe('read it with read_incident'),
  endsAtMs: z
    .number()
    .nullable()
    .describe('when it ended, or will at the latest, milliseconds since the epoch; null: it waits to begin'),
});

/** The specification's task "Monitor Deployment": start it, ask until it is done, read the result. */
export function addMonitorTool(server: McpServer, client: RollbackClient): void {
  server.registerTool(
    'monitor_deployment',
    {
      title: 'Monitor Deployment',
      description:
        'The task after a production deployment: runs for 24 hours and rolls back by itself when it goes bad. Start it with release (or services); it answers at once with the deployment id. Ask again with that id, and with wait_seconds to wait for a change. done is true when it has ended: outcome, reason and incident are the result. healthy is good; rolled_back and needs_attention are not; superseded means that a newer deployment took over.',
      inputSchema: z.object({
        ...scopeShape,
        deployment: z.string().optional().describe('Its id: of one that runs, or to start one under this id'),
        ...releasesShape,
        wait_seconds: z
          .number()
          .min(0)
          .max(longestSeconds)
          .default(0)
          .describe('Wait so long for the end, with notifications of progress'),
      }),
      outputSchema: result,
      annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: true },
    },
    ({ wait_seconds: seconds, release, services, deployment, ...rest }, context) => {
      const scope = scopeOf(rest);
      return answered(
        started(client, scope, { release, services, deployment }).then((id) =>
          waited(client, { ...scope, deployment: id }, seconds * 1_000, context),
        ),
      );
    },
  );
}

interface Named {
  readonly release?: string | undefined;
  readonly services?: Record<string, string> | undefined;
  readonly deployment?: string | undefined;
}

/** Registers it where a release is named: again, it is the same deployment. */
async function started(client: RollbackClient, scope: Scope, named: Named): Promise<string> {
  const { release, services, deployment } = named;
  if (release === undefined && services === undefined) {
    if (deployment !== undefined) return deployment;
    throw new Error('give a release (or services) to start the task, or the deployment id that it answered');
  }
  return (await client.reportDeployment({ ...scope, ...named })).deployment.deployment;
}

async function waited(
  client: RollbackClient,
  key: Scope & { deployment: string },
  waitMs: number,
  context: ServerContext,
): Promise<ToolAnswer> {
  const startMs = Date.now();
  for (;;) {
    const { deployment, timeline } = await client.deployment(key);
    const leftMs = startMs + waitMs - Date.now();
    const stop = deployment.outcome !== null || leftMs <= 0 || context.mcpReq.signal.aborted;
    if (stop) {
      const incident = timeline.findLast((entry) => entry.incident !== null)?.incident ?? null;
      return {
        text: [deploymentText(deployment), ...storyOf(timeline)].join('\n'),
        structured: {
          product: deployment.product,
          environment: deployment.environment,
          deployment: deployment.deployment,
          done: deployment.outcome !== null,
          state: deployment.status,
          outcome: deployment.outcome,
          reason: deployment.outcomeReason,
          incident,
          endsAtMs: deployment.endedAtMs ?? (await endOfWatch(client, key)),
        },
      };
    }
    await tellProgress(
      context,
      (Date.now() - startMs) / 1_000,
      waitMs / 1_000,
      storyOf(timeline).at(-1) ?? 'watching',
    );
    await new Promise((resolve) => setTimeout(resolve, Math.min(lookEveryMs, leftMs)));
  }
}

async function tellProgress(
  { mcpReq }: ServerContext,
  progress: number,
  total: number,
  message: string,
): Promise<void> {
  const { progressToken } = mcpReq._meta ?? {};
  if (progressToken === undefined) return;
  await mcpReq.notify({
    method: 'notifications/progress',
    params: { progressToken, progress, total, message },
  });
}

/** The product's status knows when the watch of what is live ends; of another deployment it says nothing. */
async function endOfWatch(
  client: RollbackClient,
  key: Scope & { deployment: string },
): Promise<number | null> {
  const { current, endsAtMs } = await client.status(key);
  return current?.deployment === key.deployment ? endsAtMs : null;
}
