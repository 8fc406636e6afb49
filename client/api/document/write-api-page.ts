import { writeFile } from 'node:fs/promises';
import { openStore } from '../../../adapters/store/store.ts';
import { noAccessSettings } from '../../../config/access.ts';
import { createApp } from '../app.ts';
import type { AppOptions } from '../app-types.ts';
import { apiPage } from './api-page.ts';
import { openApiDocument } from './openapi-document.ts';

/** The page as the routes are now: they are only looked at, nothing is asked of them. */
export async function currentApiPage(): Promise<string> {
  const store = await openStore(':memory:');
  try {
    const app = createApp({
      store,
      operations: {} as AppOptions['operations'],
      catalog: {} as AppOptions['catalog'],
      health: {} as AppOptions['health'],
      token: 'none',
      access: async () => noAccessSettings,
      temporalUi: null,
    });
    return apiPage(openApiDocument(app));
  } finally {
    await store.close();
  }
}

if (import.meta.main)
  await writeFile(new URL('../../../docs/api.md', import.meta.url), await currentApiPage());
