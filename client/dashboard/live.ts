import type { Context } from 'hono';
import { streamSSE } from 'hono/streaming';
import type { ProductKey } from '../../domain/identity.ts';
import type { ApiEnv } from '../api/access/caller.ts';
import type { Feed } from '../api/reading/feed.ts';
import type { Markup } from './layout.ts';

export type Regions = Readonly<Record<string, Markup>>;

/** Says that the line still stands, through proxies that end what is silent. */
const beatMs = 15_000;

/**
 * Keeps a page as it is: whenever a product changes, its parts are drawn again, and those that look different are sent.
 * @param draw the parts of the page by name, of these products
 */
export function live(
  context: Context<ApiEnv>,
  feed: Feed,
  concerns: (product: ProductKey) => boolean,
  draw: (products: readonly ProductKey[]) => Promise<Regions>,
): Response {
  context.header('x-accel-buffering', 'no');
  return streamSSE(context, async (stream) => {
    const sent = new Map<string, string>();
    const waiting = new Map<string, ProductKey>();
    let wake = () => {};
    const stop = feed.listen((products) => {
      for (const product of products.filter(concerns))
        waiting.set(`${product.product}/${product.environment}`, product);
      if (waiting.size > 0) wake();
    });
    stream.onAbort(() => {
      stop();
      wake();
    });
    await stream.writeSSE({ event: 'hello', data: String(Date.now()) });
    while (!stream.aborted) {
      if (waiting.size === 0) await nextChange();
      const products = [...waiting.values()];
      waiting.clear();
      if (products.length === 0) await stream.writeSSE({ event: 'beat', data: String(Date.now()) });
      else await send(await draw(products).catch(() => ({})));
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

    async function send(regions: Regions): Promise<void> {
      for (const [name, markup] of Object.entries(regions)) {
        const html = String(await markup);
        if (sent.get(name) === html) continue;
        sent.set(name, html);
        await stream.writeSSE({ event: 'region', data: JSON.stringify({ name, html, atMs: Date.now() }) });
      }
    }
  });
}
