import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import type { Context } from 'hono';

interface Asset {
  readonly type: string;
  readonly content: Buffer;
  readonly path: string;
}

export interface Assets {
  /** Where it is served; changes with its content, so that a browser may keep it for ever. */
  path(name: AssetName): string;
  serve(context: Context): Response;
}

const types: Readonly<Record<string, string>> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};

/** uPlot comes from its package, the others from the folder beside this file. */
const sources = {
  'style.css': () => new URL('./assets/style.css', import.meta.url),
  'page.js': () => new URL('./assets/page.js', import.meta.url),
  'icon.svg': () => new URL('./assets/icon.svg', import.meta.url),
  'uplot.js': () => createRequire(import.meta.url).resolve('uplot/dist/uPlot.iife.min.js'),
  'uplot.css': () => createRequire(import.meta.url).resolve('uplot/dist/uPlot.min.css'),
} as const;

export type AssetName = keyof typeof sources;

/** Everything the page loads besides itself, read once. */
export function loadAssets(): Assets {
  const assets = new Map<string, Asset>();
  for (const [name, source] of Object.entries(sources)) {
    const content = readFileSync(source());
    const hash = createHash('sha256').update(content).digest('hex').slice(0, 12);
    const type = types[name.split('.').at(-1) ?? ''] ?? 'application/octet-stream';
    assets.set(name, { type, content, path: `/static/${hash}/${name}` });
  }
  const packed = new Map<string, Buffer>();

  return {
    path: (name) => (assets.get(name) as Asset).path,
    serve(context) {
      const asset = [...assets.values()].find(({ path }) => path === context.req.path);
      if (asset === undefined) return context.text('not here', 404);
      const encoding = encodingFor(context.req.header('accept-encoding') ?? '');
      const body = encoding === null ? asset.content : compressed(asset, encoding);
      return context.body(new Uint8Array(body), 200, {
        'content-type': asset.type,
        'cache-control': 'public, max-age=31536000, immutable',
        vary: 'accept-encoding',
        ...(encoding === null ? {} : { 'content-encoding': encoding }),
      });
    },
  };

  function compressed({ content, path }: Asset, encoding: 'br' | 'gzip'): Buffer {
    const key = `${encoding} ${path}`;
    const known = packed.get(key);
    if (known !== undefined) return known;
    const made =
      encoding === 'gzip'
        ? gzipSync(content, { level: 9 })
        : brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } });
    packed.set(key, made);
    return made;
  }
}

function encodingFor(accepted: string): 'br' | 'gzip' | null {
  return /\bbr\b/.test(accepted) ? 'br' : /\bgzip\b/.test(accepted) ? 'gzip' : null;
}
