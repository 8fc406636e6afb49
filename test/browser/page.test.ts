/// <reference lib="dom" />
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../adapters/temporary.ts';
import { quickPolicy } from '../support/dev-world.ts';
import { createPageWorld, expectAccessible, type OpenPage, type PageWorld } from './page-world.ts';

let stage: PageWorld;
beforeAll(async () => {
  stage = await createPageWorld();
});
afterAll(() => stage?.end());

/** v1 is good; v2 is live and under watch. */
async function aWatchedDeployment(product: string) {
  const made = stage.world.addProduct(product);
  await made.haveGood('v1');
  await made.service.deploy('v2');
  await stage.client.reportDeployment({ product, release: 'v2', deployment: 'deploy-v2' });
  await eventually(async () => (await stage.client.status({ product })).lastCheck !== null, 20_000);
  return made;
}

/** A rollback that waits for people, because nothing can be restored. */
async function anEscalation(product: string) {
  const made = await aWatchedDeployment(product);
  made.service.fail('restore', 'the disk is full', Number.POSITIVE_INFINITY);
  await stage.client.rollback({ product }, { by: 'Ben', reason: 'UI broken' });
  await eventually(
    async () => (await stage.client.status({ product })).rollback?.phase === 'escalated',
    30_000,
  );
  return made;
}

async function rolledBack(product: string) {
  return eventually(async () => {
    const { incidents } = await stage.client.incidents({ product });
    return incidents.find(({ outcome }) => outcome !== null);
  }, 40_000);
}

async function pressing({ page }: OpenPage, action: string, fields: Record<string, string> = {}) {
  await page.locator('details.action > summary', { hasText: new RegExp(`^${action}$`) }).click();
  const form = page.locator('details.action[open] form');
  for (const [label, value] of Object.entries(fields)) await form.getByLabel(label).fill(value);
  await form.locator('button').click();
}

describe('the page Now', () => {
  it('shows a rollback as it happens, without being loaded again', async () => {
    const { service } = await aWatchedDeployment('live');
    const open = await stage.open('/');
    const card = open.page.locator('[data-region="card:live/production"]');
    await expect.poll(() => card.locator('.badge').textContent(), { timeout: 20_000 }).toContain('watching');
    await expect.poll(() => card.locator('svg.spark path').count()).toBeGreaterThan(0);
    await open.page.evaluate(() => {
      (globalThis as { untouched?: boolean }).untouched = true;
    });
    const began = Date.now();
    service.script('v2', () => ({ errorsPerMinute: 4_000 }));
    await expect
      .poll(() => card.locator('.badge').textContent(), { timeout: 30_000 })
      .toContain('rolling back');
    await expect.poll(() => card.textContent(), { timeout: 30_000 }).toContain('v1 deployed');
    expect(Date.now() - began).toBeLessThan(60_000);
    expect(await open.page.evaluate(() => (globalThis as { untouched?: boolean }).untouched)).toBe(true);
    expect(await open.page.locator('#liveness').textContent()).toBe('Live.');
    expect(open.complaints).toEqual([]);
  });

  it('says that it is not live when the line is cut, and since when', async () => {
    const open = await stage.open('/');
    await expect.poll(() => open.page.locator('#liveness').textContent()).toBe('Live.');
    await open.page.route('**/live/**', (route) => route.abort());
    stage.cutLines();
    await expect
      .poll(() => open.page.locator('#liveness').textContent(), { timeout: 10_000 })
      .toMatch(/^Not live: this is how it was at .*\. Trying again …$/);
    // What happens meanwhile is there afterwards, in its place, without a new page.
    await aWatchedDeployment('aaa-meanwhile');
    await stage.client.pause({ product: 'live' }, { by: 'Ben', reason: 'said while nobody heard' });
    await open.page.unroute('**/live/**');
    await expect.poll(() => open.page.locator('#liveness').textContent(), { timeout: 20_000 }).toBe('Live.');
    const card = (name: string) => open.page.locator('article.card', { hasText: name });
    await expect.poll(() => card('live').textContent()).toContain('said while nobody heard');
    await expect.poll(() => card('aaa-meanwhile').count()).toBe(1);
  });
});

describe('the page of a deployment', () => {
  it('rolls back by hand, confirmed, with its reason, and tells the answer', async () => {
    await aWatchedDeployment('by-hand');
    const open = await stage.open('/deployments/by-hand/deploy-v2');
    await pressing(open, 'Roll back', { Reason: 'prices are wrong' });
    await expect
      .poll(() => open.page.locator('#said').textContent(), { timeout: 10_000 })
      .toMatch(/^Accepted: /);
    const incident = await rolledBack('by-hand');
    expect(incident).toMatchObject({ outcome: 'rolled_back', origin: 'manual', reason: 'prices are wrong' });
    await expect
      .poll(() => open.page.locator('.timeline').textContent(), { timeout: 20_000 })
      .toContain('Ada asked for a rollback: prices are wrong');
    await expect.poll(() => open.page.locator('.lead .badge').textContent()).toContain('rolled back');
    expect(open.complaints).toEqual([]);
  });

  it('draws what was measured with its marks, also as a table', async () => {
    const { page } = await stage.open('/deployments/by-hand/deploy-v2');
    const figure = page.locator('figure.plot').first();
    await expect.poll(() => figure.locator('canvas').count()).toBe(1);
    await figure.locator('summary', { hasText: 'As a table' }).click();
    expect(await figure.locator('table caption').textContent()).toMatch(/^Errors: now [\d.]+ \/min/);
  });

  it('pauses and resumes', async () => {
    await aWatchedDeployment('paused');
    const open = await stage.open('/deployments/paused/deploy-v2');
    await pressing(open, 'Pause', { Reason: 'migration', 'Minutes (left empty: until resumed)': '30' });
    await expect
      .poll(() => open.page.locator('#said').textContent())
      .toContain('automatic rollback of paused is paused until');
    expect((await stage.client.status({ product: 'paused' })).pause).toMatchObject({
      by: 'Ada',
      reason: 'migration',
    });
    await expect
      .poll(() => open.page.locator('details.action > summary', { hasText: /^Resume$/ }).count(), {
        timeout: 10_000,
      })
      .toBe(1);
    await pressing(open, 'Resume');
    await expect.poll(async () => (await stage.client.status({ product: 'paused' })).pause).toBeNull();
  });

  it('shows a rollback that waits, and vetoes it', async () => {
    const { service } = await aWatchedDeployment('waiting');
    const setup = await stage.world.catalog.setup({ product: 'waiting', environment: 'production' });
    const rollback = { ...quickPolicy.rollback, vetoMs: { critical: 600_000, high: 600_000 } };
    Object.assign(setup, { policy: { ...quickPolicy, rollback } });
    const open = await stage.open('/deployments/waiting/deploy-v2');
    service.script('v2', () => ({ errorsPerMinute: 4_500 }));
    await expect
      .poll(() => open.page.locator('.lead .badge').textContent(), { timeout: 30_000 })
      .toContain('rolls back unless vetoed');
    await expectAccessible(open.page);
    await pressing(open, 'Veto', { Reason: 'load test' });
    await expect
      .poll(() => open.page.locator('#said').textContent())
      .toBe('Accepted: vetoed by Ada: v2 stays, and is only observed');
    await expect
      .poll(() => open.page.locator('dl.facts').textContent(), { timeout: 10_000 })
      .toContain('load test');
    await expect
      .poll(() => open.page.locator('details.action > summary', { hasText: /^Resume$/ }).count())
      .toBe(1);
  });

  it('acknowledges, and resolves an escalation', async () => {
    await anEscalation('escalated');
    const open = await stage.open('/deployments/escalated/deploy-v2');
    await expect.poll(() => open.page.locator('.lead .badge').textContent()).toContain('needs a person');
    await pressing(open, 'Acknowledge', { Note: 'on it' });
    await expect.poll(() => open.page.locator('#said').textContent()).toBe('Accepted: acknowledge accepted');
    await pressing(open, 'Resolve', { Note: 'restarted by hand' });
    await expect.poll(() => open.page.locator('#said').textContent()).toBe('Accepted: resolve accepted');
    expect(await rolledBack('escalated')).toMatchObject({ outcome: 'needs_attention' });
  });

  it('tries again, resumes traffic and aborts', async () => {
    const { service } = await anEscalation('retried');
    const open = await stage.open('/deployments/retried/deploy-v2');
    await pressing(open, 'Resume traffic');
    await expect.poll(() => open.page.locator('#said').textContent()).toMatch(/^Accepted: /);
    await expect.poll(() => service.state.maintenance).toBe(false);
    service.fail('restore', 'fine again', 0);
    service.hang('restart');
    await pressing(open, 'Retry');
    await expect
      .poll(() => open.page.locator('.lead .badge').textContent(), { timeout: 15_000 })
      .toContain('rolling back');
    await pressing(open, 'Abort');
    await expect.poll(() => open.page.locator('#said').textContent()).toMatch(/^Accepted: .*abort/);
    service.answer();
  });

  it('ends with the right to see it', async () => {
    await aWatchedDeployment('secret');
    const open = await stage.open('/deployments/secret/deploy-v2');
    await expect.poll(() => open.page.locator('#liveness').textContent()).toBe('Live.');
    await open.page.context().request.post(`${stage.world.api.url}/sign-out`, {
      form: { csrf: (await open.page.locator('meta[name=csrf-token]').getAttribute('content')) ?? '' },
      headers: { 'sec-fetch-site': 'same-origin' },
      maxRedirects: 0,
    });
    await expect
      .poll(() => open.page.locator('#liveness').textContent(), { timeout: 40_000 })
      .toMatch(/^Not live/);
  });

  it('tells the reason of a refusal, and takes nothing out of the hands of whoever types', async () => {
    const { service } = await aWatchedDeployment('refusing');
    const [one, other] = [
      await stage.open('/deployments/refusing/deploy-v2'),
      await stage.open('/deployments/refusing/deploy-v2'),
    ];
    await other.page.locator('details.action > summary', { hasText: /^Roll back$/ }).click();
    const form = other.page.locator('details.action[open] form');
    await form.getByLabel('Reason').fill('I know better');
    await form.getByLabel('To this release').fill('v9');
    service.hang('restart');
    await pressing(one, 'Roll back', { Reason: 'prices are wrong' });
    await expect
      .poll(() => one.page.locator('.lead .badge').textContent(), { timeout: 15_000 })
      .toContain('rolling back');
    await form.locator('button').click();
    await expect
      .poll(() => other.page.locator('#said').textContent(), { timeout: 10_000 })
      .toMatch(/^Refused: .*v1/);
    service.answer();
  });

  it('gives its commands without scripts, too', async () => {
    await aWatchedDeployment('plain');
    const open = await stage.open('/deployments/plain/deploy-v2', { javaScriptEnabled: false });
    expect(await open.page.locator('figure.plot svg.chart').count()).toBeGreaterThan(3);
    await open.page.locator('details.action > summary', { hasText: /^Pause$/ }).click();
    const form = open.page.locator('details.action[open] form');
    await form.getByLabel('Reason').fill('no scripts here');
    await form.locator('button').click();
    expect(await open.page.locator('#said').textContent()).toContain(
      'automatic rollback of plain is paused until resumed',
    );
    expect(open.page.url()).toMatch(/\/deployments\/plain\/deploy-v2$/);
  });
});

describe('the page of an incident', () => {
  it('is a document that can be taken along, and is reviewed', async () => {
    const { id } = (await stage.client.incidents({ product: 'by-hand' })).incidents[0] as { id: string };
    await eventually(async () => (await stage.client.incident(id)).report !== null, 20_000);
    const open = await stage.open(`/incidents/${id}`);
    expect(await open.page.locator('h2').allTextContents()).toEqual([
      'Root cause, a hypothesis',
      'Impact',
      'What was seen',
      'What was deployed',
      'Review',
      'Timeline',
      'Evidence',
    ]);
    const [download] = await Promise.all([
      open.page.waitForEvent('download'),
      open.page.getByText('Markdown').click(),
    ]);
    expect(download.suggestedFilename()).toBe(`${id}.md`);
    await pressing(open, 'Review', { 'What was it, and what is done about it': 'a wrong join' });
    await expect
      .poll(() => open.page.locator('blockquote').textContent(), { timeout: 10_000 })
      .toContain('confirmed: a wrong join');
    expect((await stage.client.incident(id)).incident.review).toMatchObject({
      by: 'Ada',
      verdict: 'confirmed',
    });
  });
});

describe('every page', () => {
  const looks = [
    ['on a large screen, light', { colorScheme: 'light' }],
    ['on a large screen, dark', { colorScheme: 'dark' }],
    ['on a phone', { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }],
  ] as const;

  it.each(looks)(
    '%s: axe-core finds nothing, nothing is refused, nothing comes from elsewhere, nothing is cut off',
    async (_name, options) => {
      const open = await stage.open('/', options);
      const { incidents } = await stage.client.incidents({ limit: 1 });
      for (const path of [
        '/',
        '/deployments',
        '/deployments/by-hand/deploy-v2',
        '/deployments/refusing/deploy-v2',
        '/incidents',
        `/incidents/${incidents[0]?.id}`,
        '/statistics',
        '/access',
        '/deployments/by-hand/nothing',
      ]) {
        await open.go(path);
        await open.page.locator('h1').waitFor();
        await open.page.waitForTimeout(300);
        await expectAccessible(open.page);
        const wide = await open.page.evaluate(
          () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        );
        expect(wide, `${path} is wider than the screen`).toBeLessThanOrEqual(0);
      }
      expect(open.complaints.filter((complaint) => !complaint.includes('404'))).toEqual([]);
    },
    120_000,
  );

  it('can be used by keyboard alone', async () => {
    await aWatchedDeployment('keys');
    const { page } = await stage.open('/deployments/keys/deploy-v2');
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to the content');
    await page.keyboard.press('Enter');
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe('main');
    for (let i = 0; i < 20; i += 1) {
      await page.keyboard.press('Tab');
      if ((await page.evaluate(() => document.activeElement?.textContent)) === 'Pause') break;
    }
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    await page.keyboard.type('by keyboard');
    await page.keyboard.press('Enter');
    await expect
      .poll(() => page.locator('#said').textContent())
      .toContain('Accepted: automatic rollback of keys is paused');
  });

  it('of somebody who is not signed in is the one to sign in, and of a viewer has no buttons', async () => {
    const { page } = await stage.open('/');
    await page.context().clearCookies();
    await page.goto(`${stage.world.api.url}/incidents`);
    expect(await page.locator('h1').textContent()).toBe('Sign in');
    await expectAccessible(page);
    const { secret } = await stage.client.makeToken({ name: 'looker', role: 'viewer' });
    await page.getByLabel('API token').fill(secret);
    await page.getByRole('button', { name: 'Sign in with a token' }).click();
    await expect.poll(() => page.locator('h1').textContent()).toBe('Incidents');
    await page.goto(`${stage.world.api.url}/deployments/keys/deploy-v2`);
    expect(await page.locator('details.action').count()).toBe(0);
    expect(await page.locator('.actions').textContent()).toContain('You may look, and not act');
  });
});
