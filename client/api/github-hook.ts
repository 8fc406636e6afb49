import { createHmac } from 'node:crypto';
import type { Context } from 'hono';
import { z } from 'zod';
import { type DeploymentStatusEvent, decideHook, type HookReport } from '../../domain/github-deployment.ts';
import { productName } from '../../domain/identity.ts';
import type { GitHubHookSettings } from '../../worker/github-hook-settings.ts';
import { addressOf } from './access/address.ts';
import type { ApiEnv } from './access/caller.ts';
import type { Protection } from './access/protect.ts';
import { same } from './access/tokens.ts';
import { ApiError } from './api-error.ts';
import type { App, AppOptions } from './app-types.ts';
import { serviceReleases } from './service-releases.ts';

/** What of `deployment_status` is read; there may be anything else. */
const statusEvent = z.object({
  repository: z.object({ full_name: z.string() }),
  deployment_status: z.object({
    state: z.string(),
    description: z.string().nullish(),
    created_at: z.iso.datetime({ offset: true }).optional(),
  }),
  deployment: z.object({
    id: z.number(),
    ref: z.string(),
    sha: z.string(),
    environment: z.string(),
    // GitHub hands back what it was given: an object, or its text.
    payload: z.union([z.record(z.string(), z.unknown()), z.string()]).nullish(),
  }),
});

type Options = AppOptions & Pick<Protection, 'count'>;

/**
 * GitHub's webhooks. No bearer token: each is signed with the secret that GitHub and the configuration share. A deployment that succeeded
 * is reported; whatever is not answers 202 with the reason, for GitHub shows it beside the delivery.
 */
export function addGitHubHook(app: App, options: Options): void {
  const { store } = options;
  app.post('/hooks/github', async (context) => {
    const settings = (await options.gitHubHook?.()) ?? null;
    if (settings === null) throw new ApiError(404, 'github.webhook_secret is not configured');
    const body = await context.req.text();
    await demandSignature(context, options, settings, body);
    const delivery = context.req.header('x-github-delivery') ?? '';
    const kind = context.req.header('x-github-event') ?? '';
    if (kind === 'ping')
      return context.json({ accepted: true, reason: 'pong: deployments are taken from here' }, 200);
    if (kind !== 'deployment_status')
      return context.json(
        { accepted: false, reason: `the event ${kind} is ignored; send deployment_status` },
        202,
      );
    if (await store.notices.wasSent(noticeOf(delivery), 'github'))
      return context.json({ accepted: true, reason: `delivery ${delivery} is known already` }, 200);
    const { event, deployedAtMs } = eventIn(body);
    const decision = decideHook(event, settings.mappings);
    const answer =
      decision.kind === 'ignore'
        ? { accepted: false, reason: decision.reason }
        : await report(decision.reports);
    await store.notices.markSent(noticeOf(delivery), 'github', Date.now());
    const product = decision.kind === 'report' ? (decision.reports[0] ?? null) : null;
    await write(context, event, product, answer);
    return context.json(answer, answer.accepted ? 200 : 202);

    async function report(reports: readonly HookReport[]) {
      const said: string[] = [];
      let accepted = false;
      for (const wanted of reports) {
        const refusal = await ourOwnDoing(options, wanted);
        if (refusal === null) said.push(await reportOne(options, wanted, deployedAtMs));
        else said.push(refusal);
        accepted ||= refusal === null;
      }
      return { accepted, reason: said.join('; ') };
    }
  });

  /** As every command is written down: who, what, and the answer. */
  async function write(
    context: Context<ApiEnv>,
    event: DeploymentStatusEvent,
    of: HookReport | null,
    answer: { accepted: boolean; reason: string },
  ) {
    const entry = {
      atMs: Date.now(),
      who: `GitHub for ${event.repository}`,
      kind: 'workload',
      from: addressOf(context),
      call: 'POST /hooks/github',
      product: of?.product ?? null,
      environment: of?.environment ?? null,
      why: `deployment ${event.deployment}, ${event.state}`,
      status: answer.accepted ? 200 : 202,
      answer: answer.reason.slice(0, 2_000),
    };
    await store.audit
      .append(entry)
      .catch((error: unknown) => console.error('the audit trail was not written:', error));
  }
}

function noticeOf(delivery: string): string {
  return `github-delivery/${delivery}`;
}

async function demandSignature(
  context: Context<ApiEnv>,
  { count }: Options,
  { secret }: GitHubHookSettings,
  body: string,
): Promise<void> {
  const given = context.req.header('x-hub-signature-256') ?? '';
  const expected = `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
  if (same(given, expected)) return;
  await count('unproven', addressOf(context));
  throw new ApiError(
    401,
    given === '' ? 'the delivery is not signed' : 'the signature of the delivery is wrong',
  );
}

function eventIn(body: string): { event: DeploymentStatusEvent; deployedAtMs: number } {
  const parsed = statusEvent.safeParse(parse(body));
  if (!parsed.success)
    throw new ApiError(
      400,
      'the delivery is no deployment_status in JSON; set its content type to application/json',
    );
  const { repository, deployment, deployment_status: status } = parsed.data;
  const { payload } = deployment;
  const read = typeof payload === 'string' ? parse(payload) : payload;
  return {
    deployedAtMs:
      status.created_at === undefined ? Date.now() : Math.min(Date.now(), Date.parse(status.created_at)),
    event: {
      repository: repository.full_name,
      environment: deployment.environment,
      state: status.state,
      description: status.description ?? '',
      deployment: deployment.id,
      ref: deployment.ref,
      sha: deployment.sha,
      payload: typeof read === 'object' && read !== null ? (read as Record<string, unknown>) : {},
    },
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/**
 * A deploy workflow that our rollback dispatched tells GitHub of a deployment as any other does. It must not be taken for somebody's
 * fix: then the rollback would step aside for itself.
 */
async function ourOwnDoing({ store }: Options, report: HookReport): Promise<string | null> {
  const row = await store.products.read(report);
  const wanted = report.releases.map(({ release }) => release);
  const live =
    row.currentDeployment === null
      ? null
      : await store.deployments.read({ ...report, deployment: row.currentDeployment });
  const isLive = live?.services.some(({ release }) => wanted.includes(release)) ?? false;
  if (live?.origin === 'rollback' && isLive)
    return `${wanted.join(', ')} of ${report.product} is live by a rollback already`;
  if (row.rollback === null) return null;
  const before = await store.deployments.list({ ...report, limit: 200 });
  const isKnown = before.some(
    ({ deployment, services }) =>
      deployment !== report.deployment && services.some(({ release }) => wanted.includes(release)),
  );
  return isKnown ? `${wanted.join(', ')} of ${report.product} is what a rollback is putting back` : null;
}

async function reportOne(
  { catalog, operations }: Options,
  wanted: HookReport,
  deployedAtMs: number,
): Promise<string> {
  const services = await servicesOf(catalog, wanted);
  const key = { product: wanted.product, environment: wanted.environment, deployment: wanted.deployment };
  const { isNew, notes } = await operations.report({
    isIdGiven: true,
    key,
    services,
    deployedAtMs,
    good: null,
    floor: null,
  });
  return [
    `${wanted.deployment} of ${productName(wanted)} ${isNew ? 'is watched' : 'is known already'}`,
    ...notes,
  ].join('; ');
}

async function servicesOf(catalog: AppOptions['catalog'], wanted: HookReport) {
  const found = await Promise.all(
    wanted.releases.map(({ service, release }) =>
      serviceReleases(catalog, wanted, service === null ? { release } : { services: { [service]: release } }),
    ),
  );
  return found.flat();
}
