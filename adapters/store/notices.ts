import type { Kysely } from 'kysely';
import type { Database } from './schema.ts';
import type { Run } from './store.ts';

export interface NoticeRecords {
  wasSent(key: string, channel: string): Promise<boolean>;
  markSent(key: string, channel: string, atMs: number): Promise<void>;
}

export function createNoticeRecords(db: Kysely<Database>, run: Run): NoticeRecords {
  return {
    wasSent: (key, channel) =>
      run(async () => {
        const found = await db
          .selectFrom('notices')
          .select('key')
          .where('key', '=', key)
          .where('channel', '=', channel)
          .executeTakeFirst();
        return found !== undefined;
      }),
    markSent: (key, channel, atMs) =>
      run(async () => {
        await db
          .insertInto('notices')
          .values({ key, channel, sent_at_ms: atMs })
          .onConflict((conflict) => conflict.doNothing())
          .execute();
      }),
  };
}
