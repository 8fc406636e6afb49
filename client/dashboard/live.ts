import type { Context } from 'hono';
import { streamSSE } from 'hono/streaming';
import type { ProductKey } from '../../domain/identity.ts';
import { type ApiEnv, isStillKnown } from '../api/access/caller.ts';
import type { Feed } from '../api/reading/feed.ts';
import type { Markup } from './layout.ts';

export type Regions = Readonly<Record<string, Markup>>;

/** What a page is made of, as far as it changes. */
export interface LivePage {
  /** What is drawn when somebody connects, who may have been away. */
  products(): Promise<readonly ProductKey[]>;
  concerns(product: ProductKey): boolean;
  /** Its parts by name, of these products; `order`: in which some of them stand. */
  draw(
    products: readonly ProductKey[],
  ): Promise<{ readonly regions: Regions; readonly order?: readonly string[] }>;
}

/** Says that the line still stands, through proxies that end what is silent. */
const beatMs = 15_000;
const askAgainMs = 10_000;

/**
 * Keeps a page as it is: everything when somebody connects, and whenever a product changes what looks different then. It ends with the
 * right to see it.
 */
export function live(context: Context<ApiEnv>, feed: Feed, page: LivePage): Response {
  context.header('x-accel-buffering', 'no');
  return streamSSE(context, async (stream) => {
    const sent = new Map<string, string>();
    const waiting = new Map<string, ProductKey>();
    let wake = () => {};
    let askedAtMs = Date.now();
    let lastOrder = '';
    const stop = feed.listen((products) => {
      for (const product of products.filter((product) => page.concerns(product))) add(product);
      if (waiting.size > 0) wake();
    });
    stream.onAbort(() => {
      stop();
      wake();
    });
    await stream.writeSSE({ event: 'hello', data: String(Date.now()) });
    for (const product of await page.products().catch(() => [])) add(product);
    while (!stream.aborted && (await mayStay())) {
      if (waiting.size === 0) await nextChange();
      const products = [...waiting.values()];
      waiting.clear();
      if (products.length === 0) await stream.writeSSE({ event: 'beat', data: String(Date.now()) });
      else await send(await page.draw(products).catch(() => ({ regions: {} })));
    }
    stop();

    function add(product: ProductKey): void {
      waiting.set(`${product.product}/${product.environment}`, product);
    }

    async function mayStay(): Promise<boolean> {
      if (Date.now() - askedAtMs < askAgainMs) return true;
      askedAtMs = Date.now();
      return isStillKnown(context);
    }

    async function nextChange(): Promise<void> {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, beatMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }

    async function send({ regions, order }: Awaited<ReturnType<LivePage['draw']>>): Promise<void> {
      for (const [name, markup] of Object.entries(regions)) {
        const html = String(await markup);
        if (sent.get(name) === html) continue;
        sent.set(name, html);
        await stream.writeSSE({ event: 'region', data: JSON.stringify({ name, html, atMs: Date.now() }) });
      }
      const places = JSON.stringify(order ?? []);
      if (order === undefined || places === lastOrder) return;
      lastOrder = places;
      await stream.writeSSE({ event: 'order', data: places });
    }
  });
}
