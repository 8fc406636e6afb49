import { openStore } from '../../../adapters/store/store.ts';
import { shop } from './builders.ts';

/** A process of its own: counts in the pause of a product's row, so that a lost update shows. */
const [location = '', times = '0'] = process.argv.slice(2);
const store = await openStore(location);
for (let i = 0; i < Number(times); i += 1) {
  await store.products.change(shop, (row) => {
    const untilMs = (row.pause?.untilMs ?? 0) + 1;
    return { ...row, pause: { untilMs, by: 'writer', reason: 'counting' } };
  });
}
await store.close();
