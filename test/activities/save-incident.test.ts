import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensureIncident, saveIncident } from '../../activities/save-incident.ts';
import { openStore, type Store } from '../../adapters/store/store.ts';
import { anIncident } from '../adapters/store/builders.ts';

const open = { ...anIncident('inc-1'), status: 'escalated', outcome: null, endedAtMs: null } as const;
const ended = {
  ...open,
  status: 'open',
  outcome: 'needs_attention',
  outcomeReason: 'resolved by Ben',
  endedAtMs: 1_000,
} as const;

describe('an incident, written by several at once', () => {
  let store: Store;
  beforeEach(async () => {
    store = await openStore(':memory:');
  });
  afterEach(() => store.close());
  const known = () => store.incidents.read('inc-1');

  it('is not opened again by what was on its way when it ended', async () => {
    await saveIncident(store, open);
    await saveIncident(store, ended);
    await saveIncident(store, open);
    await ensureIncident(store, open);
    expect(await known()).toEqual(ended);
  });

  it('is written by the post-mortem where nobody has come to it yet', async () => {
    await ensureIncident(store, open);
    expect(await known()).toEqual(open);
  });

  it('keeps what the post-mortem and the review wrote', async () => {
    await saveIncident(store, open);
    const theirs = {
      issue: 'acme/shop#7',
      issueUrl: 'https://github.example/acme/shop/issues/7',
      rootCause: 'n_plus_one_query',
      status: 'reviewed',
      review: { by: 'Ada', verdict: 'confirmed', note: '', atMs: 2 },
    } as const;
    await store.incidents.change('inc-1', (found) => ({ ...found, ...theirs }));
    await saveIncident(store, ended);
    expect(await known()).toEqual({ ...ended, ...theirs });
  });
});
