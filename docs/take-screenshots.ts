/// <reference lib="dom" />
import { mkdir } from 'node:fs/promises';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { aWatchedDay } from '../bench/page/filled-store.ts';
import { eventually } from '../test/adapters/temporary.ts';
import { createPageWorld, type PageWorld } from '../test/browser/page-world.ts';
import { quickPolicy } from '../test/support/dev-world.ts';

// node docs/take-screenshots.ts: every state of the page, from the running system, into docs/images/page.

const folder = new URL('./images/page/', import.meta.url);
const hourMs = 3_600_000;
const phone = { viewport: { width: 390, height: 844 }, isMobile: true, deviceScaleFactor: 2 };

await mkdir(folder, { recursive: true });
const stage = await createPageWorld();
try {
  await shot('now-empty', '/');
  const { incident, pending } = await tellStories(stage);
  await shot('sign-in', '/sign-in', { as: 'nobody' });
  await shot('now', '/');
  await shot('now-dark', '/', { colorScheme: 'dark' });
  await shot('now-phone', '/', phone);
  await shot('deployment-watched', '/deployments/catalogue/deploy-v7');
  await shot('deployment-rolled-back', '/deployments/checkout/deploy-v2');
  await shot('deployment-escalated', '/deployments/payments/deploy-v2', { colorScheme: 'dark' });
  await shot('deployment-veto', '/deployments/prices/deploy-v2');
  await shot('deployment-phone', '/deployments/checkout/deploy-v2', phone);
  await shot('deployment-viewer', '/deployments/search/deploy-v2', { as: 'viewer' });
  await shot('now-not-live', '/', { isCut: true });
  await shot('deployments', '/deployments');
  await shot('incidents', '/incidents');
  await shot('incident', `/incidents/${incident}`);
  await shot('incident-pending', `/incidents/${pending}`);
  await shot('not-found', '/incidents/inc-nobody-knows');
  await shot('statistics', '/statistics');
  await shot('access', '/access');
} finally {
  await stage.end();
}

interface Shot extends BrowserContextOptions {
  /** Who looks; an admin, unless said otherwise. */
  readonly as?: 'nobody' | 'viewer';
  /** Whether the line is cut while somebody looks. */
  readonly isCut?: boolean;
}

async function shot(name: string, path: string, { as, isCut, ...options }: Shot = {}): Promise<void> {
  const { page, go } = await stage.open('/', { viewport: { width: 1280, height: 860 }, ...options });
  if (as !== undefined) await page.context().clearCookies();
  if (as === 'viewer') await signInAsViewer(page);
  await go(path);
  await page.waitForTimeout(800);
  if (isCut === true) {
    await page.route('**/live/**', (route) => route.abort());
    stage.cutLines();
    await page.waitForFunction(() =>
      document.querySelector('#liveness')?.textContent?.startsWith('Not live'),
    );
  }
  await page.screenshot({
    path: new URL(`${name}.png`, folder).pathname,
    fullPage: name !== 'now-phone' && name !== 'deployment-phone',
  });
  await page.context().close();
  console.log(name);
}

async function signInAsViewer(page: Page): Promise<void> {
  const { secret } = await stage.client.makeToken({ name: `viewer-${Date.now()}`, role: 'viewer' });
  await page.goto(`${stage.world.api.url}/sign-in`);
  await page.locator('input[name=token]').fill(secret);
  await page.locator('form button').first().click();
}

/** Products in every state there is something to see of. */
async function tellStories({ world, client }: PageWorld): Promise<{ incident: string; pending: string }> {
  const begin = async (product: string) => {
    const made = world.addProduct(product);
    await made.haveGood('v1');
    await made.service.deploy('v2');
    await client.reportDeployment({
      product,
      release: 'v2',
      deployment: 'deploy-v2',
      changedAt: new Date(Date.now() - 3 * hourMs).toISOString(),
    });
    await eventually(async () => (await client.status({ product })).lastCheck !== null, 20_000);
    return made;
  };
  await watchedForHours(stage, 'catalogue');
  const checkout = await begin('checkout');
  const payments = await begin('payments');
  const basket = await begin('basket');
  const prices = await begin('prices');
  const rollback = { ...quickPolicy.rollback, vetoMs: { critical: 600_000, high: 600_000 } };
  Object.assign(await world.catalog.setup({ product: 'prices', environment: 'production' }), {
    policy: { ...quickPolicy, rollback },
  });
  await begin('search');
  await client.pause({ product: 'search' }, { by: 'Ada', reason: 'index migration', minutes: 90 });
  payments.service.fail('restore', 'the disk is full', Number.POSITIVE_INFINITY);
  await client.rollback({ product: 'payments' }, { by: 'Ben', reason: 'card payments fail' });
  await new Promise((resolve) => setTimeout(resolve, 12_000));
  checkout.service.script('v2', () => ({ errorsPerMinute: 2_000, p95Ms: 900 }));
  prices.service.script('v2', () => ({ errorsPerMinute: 2_000 }));
  basket.service.state.blind = 'connection refused';
  const incident = await eventually(async () => {
    const { incidents } = await client.incidents({ product: 'checkout' });
    return incidents.find(({ outcome }) => outcome !== null)?.id;
  }, 60_000);
  await eventually(async () => (await client.incident(incident)).report !== null, 20_000);
  await eventually(async () => (await client.status({ product: 'basket' })).phase === 'blind', 20_000).catch(
    () => undefined,
  );
  await eventually(async () => (await client.status({ product: 'prices' })).vetoWindow !== null, 60_000);
  await client.makeToken({ name: 'ci', role: 'pipeline', product: 'checkout' });
  await client.review(incident, {
    by: 'Ada',
    verdict: 'confirmed',
    note: 'the new price join asks once for each item',
  });
  const { incidents } = await client.incidents({ product: 'payments' });
  return { incident, pending: incidents[0]?.id as string };
}

/** A healthy watch of eighteen hours, with every check of it. */
async function watchedForHours({ world }: PageWorld, product: string): Promise<void> {
  const made = world.addProduct(product);
  const key = { product, environment: 'production', deployment: 'deploy-v7' };
  const deployedAtMs = Date.now() - 18 * hourMs;
  await made.service.deploy('v7');
  await world.store.deployments.register({
    ...key,
    services: [{ service: 'web', release: 'v7' }],
    origin: 'reported',
    deployedAtMs,
  });
  await world.store.deployments.setGood(key, 18 * hourMs);
  const { states, samples } = aWatchedDay(deployedAtMs, 18 * 60);
  await world.store.watches.record(
    key,
    states,
    samples.map((sample) => ({ service: 'web', kind: 'sample' as const, sample })),
  );
}
