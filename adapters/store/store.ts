import type { Kysely } from 'kysely';
import { type AlertRecords, createAlertRecords } from './alerts.ts';
import { type AuditRecords, createAuditRecords } from './audit.ts';
import { type ChangeRecords, createChangeRecords } from './changes.ts';
import { type Clean, connect, dialectOf } from './connect.ts';
import { createDeploymentRecords, type DeploymentRecords } from './deployments.ts';
import { createIncidentRecords, type IncidentRecords } from './incidents.ts';
import type { Dialect } from './migrations.ts';
import { createNoticeRecords, type NoticeRecords } from './notices.ts';
import { createPolicyRecords, type PolicyRecords } from './policies.ts';
import { createProductRecords, type ProductRecords } from './products.ts';
import { createPushedRecords, type PushedRecords } from './pushed.ts';
import { createReleaseRecords, type ReleaseRecords } from './releases.ts';
import type { Database } from './schema.ts';
import { createSessionRecords, type SessionRecords } from './sessions.ts';
import { createThreadRecords, type ThreadRecords } from './threads.ts';
import { createTimelineRecords, type TimelineRecords } from './timeline.ts';
import { createTokenRecords, type TokenRecords } from './tokens.ts';
import { createWatchRecords, type WatchRecords } from './watches.ts';
import { createWayBackRecords, type WayBackRecords } from './way-back.ts';

/** What the system remembers, in SQLite or PostgreSQL: the same code and the same tests for both. */
export interface Store {
  readonly dialect: Dialect;
  readonly products: ProductRecords;
  readonly deployments: DeploymentRecords;
  readonly watches: WatchRecords;
  readonly releases: ReleaseRecords;
  readonly timeline: TimelineRecords;
  readonly incidents: IncidentRecords;
  readonly policies: PolicyRecords;
  readonly notices: NoticeRecords;
  readonly threads: ThreadRecords;
  readonly wayBack: WayBackRecords;
  readonly alerts: AlertRecords;
  readonly pushed: PushedRecords;
  readonly tokens: TokenRecords;
  readonly sessions: SessionRecords;
  readonly audit: AuditRecords;
  readonly changes: ChangeRecords;
  /** Rejects when the store cannot be written. */
  check(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens the store at `postgres://…` or a SQLite file's path, and brings its schema up to date.
 * @param clean takes secrets out of every text that is written
 */
export async function openStore(location: string, clean: Clean = (text) => text): Promise<Store> {
  const run = patient(dialectOf(location));
  const { db, dialect } = await run(() => connect(location, clean));
  return {
    dialect,
    products: createProductRecords(db, run),
    deployments: createDeploymentRecords(db, run),
    watches: createWatchRecords(db, run),
    releases: createReleaseRecords(db, run),
    timeline: createTimelineRecords(db, run),
    incidents: createIncidentRecords(db, run),
    policies: createPolicyRecords(db, run),
    notices: createNoticeRecords(db, run),
    threads: createThreadRecords(db, run),
    wayBack: createWayBackRecords(db, run),
    alerts: createAlertRecords(db, run),
    pushed: createPushedRecords(db, run),
    tokens: createTokenRecords(db, run),
    sessions: createSessionRecords(db, run),
    audit: createAuditRecords(db, run),
    changes: createChangeRecords(db, run),
    check: () => run(() => writable(db)),
    close: () => db.destroy(),
  };
}

async function writable(db: Kysely<Database>): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    await transaction.updateTable('notices').set({ sent_at_ms: 0 }).where('key', '=', '').execute();
  });
}

/** Runs a piece of work against the database, again while another process holds its lock. */
export type Run = <Result>(work: () => Promise<Result>) => Promise<Result>;

const patienceMs = 1_500;
const pauseMs = 25;

/** node:sqlite blocks the event loop while it waits for a lock, so it waits only shortly and the retry is ours. */
function patient(dialect: Dialect): Run {
  if (dialect === 'postgres') return (work) => work();
  return async (work) => {
    const end = performance.now() + patienceMs;
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!isBusy(error) || performance.now() > end) throw error;
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
  };
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && /database is locked|SQLITE_BUSY/.test(error.message);
}
