import { chromium } from 'playwright-core';
import { findChromium } from '../../test/browser/chromium.ts';

const rounds = 11;

export interface Painted {
  readonly target: string;
  readonly ours: boolean;
}

/** First contentful paint as Chromium measures it, each time in a fresh context: nothing is in its cache. */
export async function firstPaints(cookie: string, pages: Readonly<Record<string, Painted>>) {
  const browser = await chromium.launch({ executablePath: await findChromium(), args: ['--no-sandbox'] });
  try {
    const rows = [];
    for (const [what, { target, ours }] of Object.entries(pages)) {
      const times: number[] = [];
      // The first is Chromium's own beginning.
      for (let round = 0; round <= rounds; round += 1) times.push(await paint(browser, target, cookie));
      const sorted = times.slice(1).toSorted((a, b) => a - b);
      rows.push({ what, ours, medianMs: Math.round(sorted[Math.floor(rounds / 2)] as number) });
    }
    return rows;
  } finally {
    await browser.close();
  }
}

async function paint(
  browser: Awaited<ReturnType<typeof chromium.launch>>,
  target: string,
  cookie: string,
): Promise<number> {
  const context = await browser.newContext();
  const [name = '', value = ''] = cookie.split('=');
  await context.addCookies([{ name, value, url: target }]);
  const page = await context.newPage();
  await page.goto(target);
  const time = await page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        const found = performance.getEntriesByName('first-contentful-paint')[0];
        if (found !== undefined) resolve(found.startTime);
        new PerformanceObserver((list) => {
          const entry = list.getEntriesByName('first-contentful-paint')[0];
          if (entry !== undefined) resolve(entry.startTime);
        }).observe({ entryTypes: ['paint' as never] });
      }),
  );
  await context.close();
  return time;
}
