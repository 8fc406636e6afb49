import type { BreachSeries } from './breach-series.ts';
import type { Outcome, ServiceRelease } from './deployment.ts';
import type { TriggerType } from './detection/verdict.ts';

export type MessageSeverity = 'info' | 'warning' | 'critical';

/**
 * What happened, for channels that speak in events. `held_back`: a breach that may not be acted on. `veto_open`: one that is, in a moment. `escalated`: people are asked;
 * `reminded`: again; `called_again`: again after an acknowledgement has run out. `resolved`: a rollback is over without `rolled_back`. `cleared`: what alarmed in this thread has ended by itself; `sees_again`: the blindness has.
 * `reported`: an issue was opened. `ended`: the watch of a deployment is over, for whoever asked to be told (`callbackOf`).
 */
export const messageEvents = [
  'deployed',
  'held_back',
  'veto_open',
  'rollback_begun',
  'rolled_back',
  'escalated',
  'reminded',
  'called_again',
  'acknowledged',
  'resolved',
  'blind',
  'sees_again',
  'cleared',
  'reported',
  'ended',
] as const;

export type MessageEvent = (typeof messageEvents)[number];

/** What a reader can do about it now: a button, where the channel has buttons. `veto` is for a rollback that waits before it acts. */
export const messageActions = [
  'acknowledge',
  'rollback',
  'pause',
  'resume',
  'retry',
  'resume_traffic',
  'resolve',
  'veto',
] as const;

export type MessageAction = (typeof messageActions)[number];

/** What a message is about, for channels that need more than its sentences. */
export interface MessageSubject {
  readonly deployment: string;
  /** What was deployed, or is being rolled back. */
  readonly services: readonly ServiceRelease[];
  /** What is or was put there instead. */
  readonly to?: readonly ServiceRelease[];
  readonly incident?: string | null;
  /** Of a deployment whose watch has ended. */
  readonly outcome?: Outcome;
  /** The breach: its signal is the picture. */
  readonly breach?: {
    readonly type: TriggerType;
    readonly service: string | null;
    readonly baseline: number | null;
    readonly threshold: number | null;
    readonly sinceMs: number;
  } | null;
}

const callbacks = 'callback:';

/** Whom to tell that the webhook of this name, and nobody else, shall hear it. */
export function callbackOf(webhook: string): string {
  return `${callbacks}${webhook}`;
}

/** The webhook that is meant alone, or `null`. */
export function calledBack(whom: string): string | null {
  return whom.startsWith(callbacks) ? whom.slice(callbacks.length) : null;
}

/** What people are told, whatever the channel. */
export interface Message {
  /** The same event has the same key: a channel sends it once. */
  readonly key: string;
  readonly severity: MessageSeverity;
  readonly product: string;
  readonly environment: string;
  /** One line: `CRITICAL: Auto-rollback initiated`. */
  readonly title: string;
  /** The reason sentence, and what was done. */
  readonly text: string;
  /** What is being done about it now. */
  readonly doing?: string;
  /** Facts worth a table, in order. */
  readonly facts: readonly { readonly name: string; readonly value: string }[];
  /** Commands to run by hand, in the order a person would try them. */
  readonly commands: readonly { readonly label: string; readonly command: string }[];
  readonly links: readonly { readonly label: string; readonly url: string }[];
  /** Messages of one story, a rollback's or a monitor's, belong together; absent: it stands alone. */
  readonly thread?: string | null;
  readonly event?: MessageEvent;
  readonly actions?: readonly MessageAction[];
  readonly about?: MessageSubject;
  /** The breach as it was measured; the sender adds it. */
  readonly series?: BreachSeries | null;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
}

/** Where the page tells of the same: of its incident, else of its deployment. */
export function pageLinks(
  pageUrl: string | null,
  { product, environment, about }: Pick<Message, 'product' | 'environment' | 'about'>,
): Message['links'] {
  if (pageUrl === null || about === undefined) return [];
  if (about.incident != null)
    return [{ label: 'Page', url: `${pageUrl}/incidents/${encodeURIComponent(about.incident)}` }];
  const path = [product, about.deployment].map(encodeURIComponent).join('/');
  return [
    { label: 'Page', url: `${pageUrl}/deployments/${path}?environment=${encodeURIComponent(environment)}` },
  ];
}

/** Where the Temporal Web UI tells a workflow's story; nothing where its address is not known. */
export function timelineLinks(
  temporalUi: string | null,
  workflowId: string,
  runId?: string,
): Message['links'] {
  if (temporalUi === null) return [];
  const run = runId === undefined ? '' : `/${runId}`;
  return [{ label: 'Timeline', url: `${temporalUi}/workflows/${encodeURIComponent(workflowId)}${run}` }];
}

/** As Temporal's own command line is told where to go. */
export interface TemporalServerName {
  readonly address: string;
  readonly namespace: string;
}

/** A command of Temporal's CLI, which else speaks to its default server; other commands stay as they are. */
export function atServer(command: string, server: TemporalServerName | null): string {
  const isTemporal = command.startsWith('temporal workflow ');
  return isTemporal && server !== null
    ? `${command} --address ${server.address} --namespace ${server.namespace}`
    : command;
}
