import { setTimeout as sleep } from 'node:timers/promises';
import type { ProductKey } from '../../../domain/identity.ts';
import { clockTime } from '../../../domain/timeline.ts';
import type { RollbackClient } from '../../rollback-client.ts';
import { paintFor } from '../paint.ts';
import { drawOverview, drawProduct } from './draw.ts';
import type { Picture, ProductPicture } from './picture.ts';
import { takeScreen } from './screen.ts';

export type LiveEnd =
  /** Somebody pressed q, or Ctrl-C. */
  | { readonly kind: 'left' | 'interrupted' }
  | { readonly kind: 'timeout' }
  /** The deployment that was current at the start has ended. */
  | { readonly kind: 'ended'; readonly outcome: string; readonly outcomeReason: string | null };

export interface LiveOptions {
  readonly client: RollbackClient;
  /** The one that is shown, with its deployment; `null`: all of them. */
  readonly only: (ProductKey & { readonly deployment: string }) | null;
  readonly endMs: number;
}

const refreshMs = 2_000;
/** As many as are seen side by side in the widest view. */
const points = 60;

/** The live view on this terminal, until it is left, its time is over, or the deployment has ended. */
export async function watchLive({ client, only, endMs }: LiveOptions): Promise<LiveEnd> {
  const wake = new AbortController();
  let quit: 'left' | 'interrupted' | null = null;
  let picture: Picture = { nowMs: Date.now(), products: [], trouble: 'asking …' };
  const paint = paintFor(process.stdout);
  const draw = () => {
    const size = screen.size();
    screen.draw((only === null ? drawOverview : drawProduct)(picture, { ...size, paint }));
  };
  const streams = { input: process.stdin, output: process.stdout };
  const screen = takeScreen(streams, {
    quit(how: 'left' | 'interrupted') {
      quit = how;
      wake.abort();
    },
    resized: () => draw(),
  });
  try {
    for (;;) {
      picture = await nextPicture(picture, client, only);
      draw();
      const end = only === null || picture.trouble !== null ? null : await endOf(client, only);
      if (end !== null) return end;
      if (Date.now() > endMs) return { kind: 'timeout' };
      await sleep(Math.min(refreshMs, Math.max(50, endMs - Date.now())), undefined, {
        signal: wake.signal,
      }).catch(() => undefined);
      if (quit !== null) return { kind: quit };
    }
  } finally {
    screen.leave();
  }
}

/** An API that does not answer leaves the last picture, with the reason below it. */
async function nextPicture(
  last: Picture,
  client: RollbackClient,
  only: LiveOptions['only'],
): Promise<Picture> {
  const nowMs = Date.now();
  try {
    const keys = only === null ? (await client.products()).products : [only];
    const products = await Promise.all(keys.map((key) => productPicture(client, key, only !== null)));
    return { nowMs, products, trouble: null };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const since = last.trouble?.match(/since (\S+)/)?.[1] ?? clockTime(nowMs);
    return { ...last, nowMs, trouble: `old, since ${since} UTC: ${reason}` };
  }
}

async function productPicture(
  client: RollbackClient,
  key: ProductKey,
  withSeries: boolean,
): Promise<ProductPicture> {
  const status = await client.status({ product: key.product, environment: key.environment });
  const deployment = status.current?.deployment;
  if (!withSeries || deployment === undefined) return { status, series: null };
  const found = await client.series({ ...key, deployment, points });
  return { status, series: found?.services ?? null };
}

async function endOf(
  client: RollbackClient,
  { product, environment, deployment }: ProductKey & { readonly deployment: string },
): Promise<LiveEnd | null> {
  const found = await client.deployment({ product, environment, deployment }).catch(() => null);
  if (found === null || found.deployment.outcome === null) return null;
  const { outcome, outcomeReason } = found.deployment;
  return { kind: 'ended', outcome, outcomeReason };
}
