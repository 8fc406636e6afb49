import type { McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { releaseNames } from '../../domain/deployment.ts';
import { timelineLine } from '../../domain/timeline.ts';
import type { Deployment, GateAnswer, ProductStatus, TimelineEntry } from '../answers.ts';
import type { RollbackClient } from '../rollback-client.ts';
import { releasesShape, scopeOf, scopeShape } from './inputs.ts';
import { answered } from './tool-answer.ts';

/** How many lines of a timeline tell the story; the structured answer has them all. */
const storyLines = 20;

export function addDeploymentTools(server: McpServer, client: RollbackClient): void {
  server.registerTool(
    'gate',
    {
      title: 'May this be deployed?',
      description:
        'Asks before a deployment: freeze windows, a rollback under way, quarantined releases, the rollback floor, and whether a rollback would work. May take half a minute.',
      inputSchema: z.object({ ...scopeShape, ...releasesShape }),
      annotations: { readOnlyHint: true, openWorldHint: true },
    },
    ({ release, services, ...scope }) =>
      answered(
        client
          .gate(scopeOf(scope), { release, services })
          .then((given) => ({ text: gateText(scope.product, given), structured: given })),
      ),
  );
  server.registerTool(
    'register_deployment',
    {
      title: 'Register a deployment',
      description:
        'Reports a deployment that has happened; its 24-hour monitor starts. The same deployment id is the same deployment. To wait for the outcome, use monitor_deployment.',
      inputSchema: z.object({
        ...scopeShape,
        ...releasesShape,
        deployment: z.string().optional().describe('Its id, e.g. build-412; default: made of the time'),
        callback: z.string().optional().describe('A configured webhook, by its name: it is told the outcome'),
        changed_at: z.string().optional().describe('When its oldest change was committed, ISO 8601'),
      }),
      annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: true },
    },
    ({ changed_at: changedAt, ...report }) =>
      answered(
        client.reportDeployment({ ...report, changedAt }).then((given) => ({
          text: [
            `${given.isNew ? 'Recorded' : 'Known already'}: ${deploymentText(given.deployment)}`,
            ...given.notes,
          ].join('\n'),
          structured: given,
        })),
      ),
  );
  server.registerTool(
    'deployment_status',
    {
      title: 'One deployment',
      description: 'One deployment, its outcome (null while it is watched) and its story.',
      inputSchema: z.object({ ...scopeShape, deployment: z.string().describe('Its id') }),
      annotations: { readOnlyHint: true, openWorldHint: true },
    },
    ({ deployment, ...scope }) =>
      answered(
        client.deployment({ ...scopeOf(scope), deployment }).then((given) => ({
          text: [deploymentText(given.deployment), ...storyOf(given.timeline)].join('\n'),
          structured: given,
        })),
      ),
  );
  server.registerTool(
    'product_status',
    {
      title: 'What is going on',
      description:
        'What is live of a product, how it does, whether a rollback runs and whether automatic rollback is paused. Without a product: which ones there are.',
      inputSchema: z.object({ ...scopeShape, product: scopeShape.product.optional() }),
      annotations: { readOnlyHint: true, openWorldHint: true },
    },
    ({ product, environment }) =>
      answered(
        product === undefined
          ? client.products().then((given) => ({
              text: given.products.map((key) => `${key.product} (${key.environment})`).join('\n') || 'none',
              structured: given,
            }))
          : client
              .status(scopeOf({ product, environment }))
              .then((given) => ({ text: statusText(given), structured: given })),
      ),
  );
}

export function deploymentText({
  deployment,
  product,
  services,
  status,
  outcome,
  outcomeReason,
}: Deployment): string {
  const state = outcome === null ? status : `${outcome}${outcomeReason === null ? '' : `: ${outcomeReason}`}`;
  return `${deployment} of ${product}, ${releaseNames(services)}, ${state}`;
}

/** @param timeline as the API has it, in whatever order */
export function storyOf(timeline: readonly TimelineEntry[]): string[] {
  return timeline
    .toSorted((a, b) => a.atMs - b.atMs)
    .slice(-storyLines)
    .map(timelineLine);
}

function statusText({ product, current, rollback, pause, lastCheck, timeline }: ProductStatus): string {
  return [
    current === null ? `${product}: no deployment is known` : deploymentText(current),
    ...(rollback === null
      ? []
      : [`Rollback ${rollback.id} is under way: ${rollback.phase ?? 'phase unknown'}`]),
    ...(pause === null ? [] : [`Automatic rollback is paused by ${pause.by}: ${pause.reason}`]),
    ...(lastCheck === null ? [] : [`Last check: ${lastCheck.sentence}`]),
    ...storyOf(timeline),
  ].join('\n');
}

function gateText(product: string, { open, findings }: GateAnswer): string {
  const lines = findings.map(
    ({ kind, name, reason, wayPast }) =>
      `${kind} ${name}: ${reason}${wayPast === null ? '' : `; way past it: ${wayPast}`}`,
  );
  return [`The gate of ${product} is ${open ? 'open' : 'shut: do not deploy'}.`, ...lines].join('\n');
}
