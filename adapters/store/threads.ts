import type { Kysely } from 'kysely';
import type { Database } from './schema.ts';
import type { Run } from './store.ts';

/** Where the messages of one story stand in a channel, in the channel's own words. */
export interface ThreadRecords {
  read(thread: string, channel: string): Promise<unknown>;
  /** Keeps the place that was found first, and answers with it: two workers may speak at once. */
  open(thread: string, channel: string, place: object, atMs: number): Promise<unknown>;
}

export function createThreadRecords(db: Kysely<Database>, run: Run): ThreadRecords {
  async function read(thread: string, channel: string): Promise<unknown> {
    const found = await db
      .selectFrom('threads')
      .select('document')
      .where('thread', '=', thread)
      .where('channel', '=', channel)
      .executeTakeFirst();
    return found === undefined ? null : JSON.parse(found.document);
  }
  return {
    read: (thread, channel) => run(() => read(thread, channel)),
    open: (thread, channel, place, atMs) =>
      run(async () => {
        await db
          .insertInto('threads')
          .values({ thread, channel, opened_at_ms: atMs, document: JSON.stringify(place) })
          .onConflict((conflict) => conflict.doNothing())
          .execute();
        return read(thread, channel);
      }),
  };
}
