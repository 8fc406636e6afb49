import type { ColumnType, Generated } from 'kysely';

/** JSON kept as text, so that SQLite and PostgreSQL hold the same thing. */
export type Json = ColumnType<string, string, string>;

interface ProductScope {
  product: string;
  environment: string;
}

export interface Database {
  products: ProductScope & { state: Json; version: number };
  deployments: ProductScope & {
    deployment: string;
    status: string;
    outcome: string | null;
    deployed_at_ms: number;
    ended_at_ms: number | null;
    origin: string;
    good_ms: number;
    document: Json;
  };
  watches: ProductScope & {
    deployment: string;
    last_tick_ms: number | null;
    last_at_ms: number | null;
    state: Json;
  };
  ticks: ProductScope & {
    deployment: string;
    service: string;
    tick_ms: number;
    at_ms: number;
    regular: number;
    /** `sample`, `blind` or `gap`. */
    kind: string;
    document: Json;
  };
  releases: ProductScope & {
    service: string;
    release: string;
    standing: string;
    author: string;
    reason: string;
    at_ms: number;
  };
  /** How a release is put there, in the words of its deploy target. */
  recipes: ProductScope & { service: string; release: string; recipe: string; at_ms: number };
  /** Of the current deployment, as it was last looked at. */
  readiness: ProductScope & { deployment: string; at_ms: number; document: Json };
  /** What alert managers told, the newest word of each alert. */
  alerts: ProductScope & {
    fingerprint: string;
    service: string | null;
    name: string;
    summary: string;
    since_ms: number;
    firing: number;
    seen_at_ms: number;
  };
  /** What instances push of their metrics, the newest state of each. */
  pushed: ProductScope & {
    service: string;
    instance: string;
    /** Grows with each write. */
    version: number;
    at_ms: number;
    document: Json;
  };
  timeline: ProductScope & {
    key: string;
    seq: Generated<number>;
    deployment: string;
    incident: string | null;
    at_ms: number;
    kind: string;
    text: string;
  };
  incidents: ProductScope & {
    id: string;
    deployment: string;
    status: string;
    opened_at_ms: number;
    document: Json;
    report: string | null;
    evidence: string | null;
  };
  policies: { version: Generated<number>; digest: string; source: string; at_ms: number };
  notices: { key: string; channel: string; sent_at_ms: number };
  /** Where a story began in a channel, for what follows in the same place. */
  threads: { thread: string; channel: string; opened_at_ms: number; document: Json };
  tokens: {
    id: string;
    name: string;
    hash: string;
    role: string;
    product: string | null;
    created_by: string;
    created_at_ms: number;
    expires_at_ms: number | null;
    last_used_at_ms: number | null;
    revoked_at_ms: number | null;
  };
  /** Sign-ins to the page, and links that become one. */
  sessions: { hash: string; kind: string; identity: string; expires_at_ms: number };
  /** Every command, done or refused. */
  audit: {
    seq: Generated<number>;
    at_ms: number;
    who: string;
    kind: string;
    origin: string;
    call: string;
    product: string | null;
    environment: string | null;
    why: string | null;
    status: number;
    answer: string;
  };
}
