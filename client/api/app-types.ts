import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Catalog } from '../../activities/dependencies.ts';
import type { Store } from '../../adapters/store/store.ts';
import type { AccessSettings } from '../../config/access.ts';
import type { GitHubHookSettings } from '../../worker/github-hook-settings.ts';
import type { SlackApp } from '../slack/slack-app.ts';
import type { ApiEnv } from './access/caller.ts';
import type { RateLimits } from './access/rate-limits.ts';
import type { Operations } from './operations.ts';
import type { IncidentMemory } from './reading/incident-memory.ts';
import { problem } from './schemas.ts';

export interface AppOptions {
  readonly operations: Operations;
  readonly store: Store;
  readonly catalog: Catalog;
  /** The data folder's own token. */
  readonly token: string;
  /** Who may sign in, and which pipelines are known. */
  readonly access: () => Promise<AccessSettings>;
  /** What is taken from GitHub's webhooks; `null`, or absent: nothing. */
  readonly gitHubHook?: (() => Promise<GitHubHookSettings | null>) | undefined;
  /** Takes what Slack sends over HTTP; absent: nothing listens. */
  readonly slack?: Pick<SlackApp, 'handleHttp'> | undefined;
  /** What is known of past incidents; absent: it is read when somebody asks. */
  readonly recall?: IncidentMemory | undefined;
  /** Requests a minute; absent: the usual. */
  readonly limits?: RateLimits | undefined;
  /** Where workflows are shown, e.g. `http://127.0.0.1:8233/namespaces/default`. */
  readonly temporalUi: string | null;
  readonly health: Health;
}

export interface Health {
  /** What is wrong with the system itself, one sentence each; empty = healthy. */
  problems(): Promise<string[]>;
  /** Whether store and Temporal are reachable, nothing else. */
  ready(): Promise<{ store: boolean; temporal: boolean }>;
  /** The phase of a product's rollback workflow; `null` when none answers. */
  rollbackPhase(key: { product: string; environment: string }): Promise<string | null>;
}

export type App = OpenAPIHono<ApiEnv>;

/** The answers that every route may give besides its own. */
export const problems = {
  400: { description: 'Malformed', content: { 'application/json': { schema: problem } } },
  401: { description: 'Who calls is not proven', content: { 'application/json': { schema: problem } } },
  403: { description: 'The caller may not do this', content: { 'application/json': { schema: problem } } },
  404: { description: 'Not known', content: { 'application/json': { schema: problem } } },
  409: { description: 'Not possible now', content: { 'application/json': { schema: problem } } },
  429: {
    description: 'Too many requests; Retry-After says when to try again',
    content: { 'application/json': { schema: problem } },
  },
  503: {
    description: 'Store or Temporal does not answer; try again',
    content: { 'application/json': { schema: problem } },
  },
};
