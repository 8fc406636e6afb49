import type { Context } from 'hono';
import { html } from 'hono/html';
import { may, type Principal } from '../../domain/access.ts';
import { defaultEnvironment, type ProductKey, productName } from '../../domain/identity.ts';
import type { IncidentReport } from '../../domain/post-mortem.ts';
import { type ApiEnv, mayRead, readable } from '../api/access/caller.ts';
import { csrfToken, sessionSecret } from '../api/access/session-cookie.ts';
import { ApiError } from '../api/api-error.ts';
import type { App, AppOptions } from '../api/app-types.ts';
import type { Feed } from '../api/reading/feed.ts';
import { inOrderOfWorry, type ProductNow, readNow } from '../api/reading/now.ts';
import { periodOf, readStatistics } from '../api/reading/statistics.ts';
import { readStory } from '../api/reading/story.ts';
import { statisticsQuery } from '../api/schemas.ts';
import { incidentMarkdown } from '../incident-markdown.ts';
import type { Assets } from './assets.ts';
import { type Markup, type PageFrame, page } from './layout.ts';
import { live } from './live.ts';
import { accessBody } from './pages/access-page.ts';
import { deploymentBody, deploymentRegions } from './pages/deployment-page.ts';
import { incidentBody } from './pages/incident-page.ts';
import { deploymentsBody, incidentsBody } from './pages/list-pages.ts';
import { card, nowBody, regionOf, summary } from './pages/now-page.ts';
import { statisticsBody } from './pages/statistics-page.ts';
import { deploymentPath, productTitle } from './parts/words.ts';
import { takeSaid } from './said.ts';

export interface DashboardOptions extends AppOptions {
  readonly feed: Feed;
  readonly assets: Assets;
}

/** Entries of a list on one page. */
const pageSize = 50;

/** The page: what is going on now, each deployment, incidents, figures, and who may do what. */
export function addDashboard(app: App, options: DashboardOptions): void {
  const { store, catalog, feed, temporalUi } = options;

  app.get('/', async (context) => {
    const products = await nowOf(await visible(context));
    return show(context, { title: 'Now', section: '/', live: '/live/now' }, nowBody(products, Date.now()));
  });

  app.get('/live/now', async (context) =>
    live(context, feed, {
      products: () => visible(context),
      concerns: ({ product }) => mayRead(context, product),
      async draw(changed) {
        const products = await nowOf(await visible(context));
        const drawn = products.filter((product) =>
          changed.some((key) => productName(key) === productName(product)),
        );
        const cards = drawn.map((product) => [regionOf(product), card(product, Date.now())] as const);
        const regions = { summary: summary(products), ...Object.fromEntries(cards) };
        return { regions, order: products.map(regionOf) };
      },
    }),
  );

  app.get('/deployments', async (context) => {
    const { product, before, products } = listQuery(context);
    const found = await store.deployments.list({ products, ...before, limit: pageSize + 1 });
    const shown = found.slice(0, pageSize);
    const view = {
      product,
      ...(await listView(context, '/deployments', product, found, (entry) => entry.deployedAtMs)),
    };
    return show(context, { title: 'Deployments', section: '/deployments' }, deploymentsBody(shown, view));
  });

  app.get('/deployments/:product/:deployment', async (context) => {
    const view = await deploymentView(context);
    const key = view.story.deployment;
    const title = `${productTitle(key)} ${key.deployment}`;
    const liveAt = `/live${deploymentPath(key)}`;
    return show(
      context,
      { title, section: '/deployments', live: liveAt, charts: true },
      deploymentBody(view),
    );
  });

  app.get('/live/deployments/:product/:deployment', async (context) => {
    const { story } = await deploymentView(context);
    return live(context, feed, {
      products: async () => [story.deployment],
      concerns: (product) => productName(product) === productName(story.deployment),
      draw: async () => ({ regions: deploymentRegions(await deploymentView(context)) }),
    });
  });

  app.get('/incidents', async (context) => {
    const { product, before, products } = listQuery(context);
    const found = await store.incidents.list({ products, ...before, limit: pageSize + 1 });
    const shown = found.slice(0, pageSize);
    const view = {
      product,
      ...(await listView(context, '/incidents', product, found, (entry) => entry.openedAtMs)),
    };
    return show(context, { title: 'Incidents', section: '/incidents' }, incidentsBody(shown, view));
  });

  app.get('/incidents/:incident', async (context) => {
    const wanted = context.req.param('incident');
    const id = wanted.replace(/\.md$/, '');
    const incident = await store.incidents.read(id);
    if (incident === null || !mayRead(context, incident.product))
      throw new ApiError(404, `incident ${id} is not known`);
    const report = (await store.incidents.readReport(id)) as IncidentReport | null;
    const timeline = await store.timeline.list({ ...incident, limit: 1_000 });
    if (wanted.endsWith('.md')) {
      return context.text(incidentMarkdown({ incident, report, timeline }), 200, {
        'content-type': 'text/markdown; charset=utf-8',
        'content-disposition': `attachment; filename="${id}.md"`,
      });
    }
    const { principal } = context.get('caller');
    const mayReview = may(principal, 'vouch', incident.product);
    const body = incidentBody({ incident, report, timeline, mayReview, csrf: csrfOf(context) ?? '' });
    return show(context, { title: `Incident ${id}`, section: '/incidents' }, body);
  });

  app.get('/statistics', async (context) => {
    const asked = statisticsQuery.safeParse(withoutEmpty(context.req.query()));
    if (!asked.success) throw new ApiError(400, asked.error.issues.map(({ message }) => message).join('; '));
    const { product, environment, ...period } = asked.data;
    const products = readable(context, product);
    const statistics = await readStatistics(options, periodOf(period, Date.now()), { products, environment });
    const body = statisticsBody({ statistics, product, products: await productNames(context) });
    return show(context, { title: 'Statistics', section: '/statistics' }, body);
  });

  app.get('/access', async (context) => {
    if (!may(context.get('caller').principal, 'administer', null))
      throw new ApiError(403, 'tokens and the audit trail are for admins');
    const [tokens, entries] = await Promise.all([store.tokens.list(), store.audit.list({ limit: 100 })]);
    return show(context, { title: 'Access', section: '/access' }, accessBody(tokens, entries, Date.now()));
  });

  async function deploymentView(context: Context<ApiEnv>) {
    const { product = '', deployment = '' } = context.req.param();
    const environment = context.req.query('environment') ?? defaultEnvironment;
    const key = { product, environment, deployment };
    const story = mayRead(context, product) ? await readStory(options, key) : null;
    if (story === null)
      throw new ApiError(404, `deployment ${deployment} of ${productName(key)} is not known`);
    const viewer = context.get('caller').principal;
    return { story, viewer, csrf: csrfOf(context) ?? '', temporalUi, nowMs: Date.now() };
  }

  async function visible(context: Context<ApiEnv>): Promise<ProductKey[]> {
    return (await catalog.products()).filter(({ product }) => mayRead(context, product));
  }

  async function nowOf(keys: readonly ProductKey[]): Promise<ProductNow[]> {
    return inOrderOfWorry(await Promise.all(keys.map((key) => readNow(options, key))));
  }

  async function productNames(context: Context<ApiEnv>): Promise<string[]> {
    return [...new Set((await visible(context)).map(({ product }) => product))].toSorted();
  }

  async function listView<Entry>(
    context: Context<ApiEnv>,
    path: string,
    product: string | undefined,
    found: readonly Entry[],
    atMs: (entry: Entry) => number,
  ) {
    const last = found[pageSize - 1];
    const query = new URLSearchParams(product === undefined ? {} : { product });
    if (last !== undefined) query.set('before', String(atMs(last)));
    const next = found.length > pageSize ? `${path}?${query}` : null;
    return { products: await productNames(context), next };
  }

  async function show(
    context: Context<ApiEnv>,
    frame: Pick<PageFrame, 'title' | 'section' | 'live' | 'charts'>,
    body: Markup,
  ): Promise<Response> {
    const { principal } = context.get('caller');
    const said = takeSaid(context);
    const whole = { ...frame, viewer: principal, assets: options.assets, csrf: csrfOf(context), said };
    return context.html(await page(whole, body), 200, { 'cache-control': 'no-store' });
  }
}

/** A page that says what is wrong, for whoever asked for a page. */
export function problemPage(assets: Assets, viewer: Principal | null, status: number, message: string) {
  const title = status === 404 ? 'Not found' : status === 403 ? 'Not allowed' : 'Not possible now';
  return page(
    { title, section: '', viewer, assets, csrf: null },
    html`<p class="notice bad">${message}</p><p><a href="/">To the first page</a></p>`,
  );
}

function listQuery(context: Context<ApiEnv>) {
  const { product, before } = withoutEmpty(context.req.query());
  const beforeMs = Number(before);
  return {
    product,
    products: readable(context, product),
    before: Number.isFinite(beforeMs) ? { untilMs: beforeMs } : {},
  };
}

function withoutEmpty(query: Record<string, string>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== ''));
}

function csrfOf(context: Context<ApiEnv>): string | null {
  const secret = sessionSecret(context);
  return secret === null ? null : csrfToken(secret);
}
