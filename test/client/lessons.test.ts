import { afterEach, describe, expect, it } from 'vitest';
import type { Store } from '../../adapters/store/store.ts';
import { anIncident } from '../adapters/store/builders.ts';
import { cleanUp } from '../adapters/temporary.ts';
import { aServedApi } from './access/served-api.ts';

afterEach(cleanUp);

const causes = ['n_plus_one_query', 'listener_leak', 'process_crash', 'unknown'] as const;

async function saveIncident(
  store: Store,
  id: string,
  more: { note?: string; file?: string; index?: number; product?: string },
) {
  const { note, file = 'src/products.js', index = 0, product = 'shop' } = more;
  const cause = causes[index % causes.length] as string;
  const incident = anIncident(id, {
    product,
    openedAtMs: 1_000 + index,
    endedAtMs: 2_000 + index,
    outcome: 'rolled_back',
    rootCause: cause,
    review: note === undefined ? null : { by: 'Ada', verdict: 'confirmed', note, atMs: 3_000 },
  });
  await store.incidents.save(incident);
  const files = [{ path: file, added: 1, removed: 0 }];
  const change = {
    id: 'c0ffee1',
    author: 'Ben',
    at: '2026-11-24T10:00:00Z',
    subject: `Change ${file}`,
    files,
  };
  await store.incidents.saveReport(id, {
    root_cause_hypothesis: { cause, summary: `${cause} in ${file}:42`, confidence: 'high', evidence: [] },
    changes_deployed: [
      { from: 'v1', to: 'v2', changes: [change], diff: '+'.repeat(64 * 1024), problem: null },
    ],
    logs_excerpt: Array.from(
      { length: 100 },
      (_, line) => `2026-11-24 Error: request ${line} of ${id} failed in ${file}`,
    ),
  });
}

describe('GET /v1/lessons', () => {
  it('says what happened, what was rolled back to, which commits, and what the owner found', async () => {
    const api = await aServedApi();
    await saveIncident(api.store, 'inc-1', { note: 'one query for all of them' });
    await saveIncident(api.store, 'inc-2', { index: 1, file: 'src/live.js' });
    const { status, body } = await api.call('GET', '/v1/lessons?query=products.js&limit=5');
    expect(status).toBe(200);
    expect(body.lessons).toEqual([
      expect.objectContaining({
        incident: 'inc-1',
        cause: 'n_plus_one_query',
        causeSummary: 'n_plus_one_query in src/products.js:42',
        from: 'v2',
        to: 'v1',
        outcome: 'rolled_back',
        review: { by: 'Ada', verdict: 'confirmed', note: 'one query for all of them', atMs: 3_000 },
        commits: [
          { id: 'c0ffee1', author: 'Ben', subject: 'Change src/products.js', files: ['src/products.js'] },
        ],
        why: 'same file src/products.js; says products.js',
      }),
    ]);
  });

  it('knows a review that came later, and an incident whose report was not there yet', async () => {
    const api = await aServedApi();
    await saveIncident(api.store, 'inc-1', {});
    await api.store.incidents.save(anIncident('inc-3', { openedAtMs: Date.now() }));
    const found = async () =>
      (await api.call('GET', '/v1/lessons?query=frobnicate')).body.lessons as { incident: string }[];
    expect(await found()).toEqual([]);
    await api.store.incidents.change('inc-1', (incident) => ({
      ...incident,
      review: { by: 'Ada', verdict: 'confirmed', note: 'frobnicate first', atMs: 9_000 },
    }));
    await api.store.incidents.saveReport('inc-3', {
      logs_excerpt: ['cannot frobnicate'],
      root_cause_hypothesis: { cause: 'unknown', summary: '', evidence: [] },
    });
    await new Promise((resolve) => setTimeout(resolve, 2_100));
    expect((await found()).map(({ incident }) => incident).toSorted()).toEqual(['inc-1', 'inc-3']);
  });

  it('tells nothing of products that are not the caller’s', async () => {
    const api = await aServedApi();
    await saveIncident(api.store, 'inc-1', {});
    await saveIncident(api.store, 'inc-2', { product: 'billing' });
    const token = await api.tokenFor('viewer', 'billing');
    const { body } = await api.call('GET', '/v1/lessons?query=products.js', { token });
    expect((body.lessons as { incident: string }[]).map(({ incident }) => incident)).toEqual(['inc-2']);
    expect((await api.call('GET', '/v1/lessons?like=inc-1', { token })).status).toBe(404);
    expect((await api.call('GET', '/v1/lessons?like=inc-1')).body.lessons).toHaveLength(1);
  });

  it('answers over 1,000 incidents within 100 ms', async () => {
    const api = await aServedApi();
    for (let index = 0; index < 1_000; index += 1)
      await saveIncident(api.store, `inc-${index}`, {
        index,
        file: `src/part-${index % 50}/file-${index}.js`,
      });
    const cold = performance.now();
    await api.call('GET', '/v1/lessons?query=warm');
    const coldMs = performance.now() - cold;
    const times: number[] = [];
    for (const query of [
      'query=file-777.js',
      'query=request+failed',
      'like=inc-12',
      'cause=listener_leak',
      'query=leak',
    ]) {
      const before = performance.now();
      const { body } = await api.call('GET', `/v1/lessons?${query}`);
      times.push(performance.now() - before);
      expect((body.lessons as unknown[]).length, query).toBeGreaterThan(0);
    }
    console.log(
      `lessons over 1,000 incidents: first ${coldMs.toFixed(0)} ms, then ${times.map((ms) => ms.toFixed(0)).join(', ')} ms`,
    );
    expect(Math.max(...times)).toBeLessThan(100);
  });
});
