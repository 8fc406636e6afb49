export type MessageSeverity = 'info' | 'warning' | 'critical';

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
  /** Facts worth a table, in order. */
  readonly facts: readonly { readonly name: string; readonly value: string }[];
  /** Commands to run by hand, in the order a person would try them. */
  readonly commands: readonly { readonly label: string; readonly command: string }[];
  readonly links: readonly { readonly label: string; readonly url: string }[];
  /** Milliseconds since the epoch. */
  readonly atMs: number;
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
