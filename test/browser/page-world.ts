import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { expect } from 'vitest';
import { createRollbackClient, type RollbackClient } from '../../client/rollback-client.ts';
import { createDevWorld, type DevWorld } from '../support/dev-world.ts';
import { axeResults } from './axe.ts';
import { findChromium } from './chromium.ts';

export interface PageWorld {
  readonly world: DevWorld;
  readonly client: RollbackClient;
  /** A page that is signed in, in a browser context of its own. */
  open(path: string, options?: BrowserContextOptions): Promise<OpenPage>;
  /** Ends every connection to the API, as a proxy does that is restarted. */
  cutLines(): void;
  end(): Promise<void>;
}

export interface OpenPage {
  readonly page: Page;
  /** What the browser complained of: errors, refused scripts, requests to elsewhere. */
  readonly complaints: string[];
  go(path: string): Promise<void>;
}

/** The running system, and a real browser before it. */
export async function createPageWorld(): Promise<PageWorld> {
  const world = await createDevWorld();
  const client = createRollbackClient({ url: world.api.url, token: world.token });
  let browser: Browser;
  try {
    browser = await chromium.launch({ executablePath: await findChromium(), args: ['--no-sandbox'] });
  } catch (error) {
    await world.end();
    throw error;
  }
  return {
    world,
    client,
    async open(path, options = {}) {
      const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
      const page = await context.newPage();
      const complaints = complaintsOf(page, world.api.url);
      const go = async (to: string) => void (await page.goto(`${world.api.url}${to}`));
      const { url } = await client.signInLink({ by: 'Ada' });
      await page.goto(url);
      if (path !== '/') await go(path);
      return { page, complaints, go };
    },
    cutLines: () => world.api.cutLines(),
    async end() {
      await browser.close();
      await world.end();
    },
  };
}

function complaintsOf(page: Page, ours: string): string[] {
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    if (!request.url().startsWith(ours) && !request.url().startsWith('data:'))
      complaints.push(`asks ${request.url()}`);
  });
  return complaints;
}

/** axe-core finds nothing, at any level of WCAG 2.2 A and AA and its best practices. */
export async function expectAccessible(page: Page): Promise<void> {
  const { violations } = await axeResults(page);
  const told = violations.map(
    ({ id, help, nodes }) => `${id}: ${help} (${nodes.map(({ target }) => target.join(' ')).join(', ')})`,
  );
  expect(told).toEqual([]);
}
