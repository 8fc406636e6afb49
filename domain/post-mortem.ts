import type { ChangeSet } from './changes.ts';
import { releaseNames } from './deployment.ts';
import { shortDuration, shortNumber, type Trigger } from './detection/verdict.ts';
import { addHistograms, quantileMs } from './histogram.ts';
import { productName } from './identity.ts';
import type { Incident } from './incident.ts';
import type { Hypothesis } from './root-cause.ts';
import type { Sample } from './sample.ts';
import { type TimelineEntry, timelineLine } from './timeline.ts';

/** The specification's incident report, with what a reader at 9 a.m. needs besides. */
export interface IncidentReport {
  readonly incident: string;
  readonly product: string;
  readonly environment: string;
  readonly deployment_id: string;
  /** ISO 8601. */
  readonly timestamp: string;
  readonly reason: string;
  readonly from: string;
  readonly to: string;
  readonly outcome: string;
  readonly triggers: readonly Trigger[];
  /** From the breach to the end of the last attempt. */
  readonly duration_minutes: number;
  readonly impact: Impact;
  readonly changes_deployed: readonly ChangeSet[];
  readonly logs_excerpt: readonly string[];
  readonly logs_total: number;
  readonly logs_reference: string;
  readonly metrics_snapshot: readonly MetricsSnapshot[];
  readonly root_cause_hypothesis: Hypothesis;
  readonly timeline: readonly string[];
}

/** What is collected where the hosts can be reached. */
export interface Evidence {
  readonly changes: readonly ChangeSet[];
  readonly logs: {
    readonly lines: readonly string[];
    readonly total: number;
    /** Where the rest is, or why there is nothing. */
    readonly reference: string;
  };
}

export interface Impact {
  /** `unknown` where the metrics do not tell; never invented. */
  readonly affected_users: number | 'unknown';
  readonly error_count: number | 'unknown';
  readonly downtime_minutes: number;
}

/** One regular sample, in the specification's words. */
export interface MetricsSnapshot {
  readonly service: string;
  readonly at: string;
  readonly error_rate: number;
  readonly request_rate: number;
  readonly p95_latency_ms: number | null;
  readonly memory_usage_percent: number | null;
  readonly cpu_usage_percent: number | null;
  readonly failed_probes: number;
}

export function impactOf(incident: Incident, samples: readonly Sample[], untilMs: number): Impact {
  const bad = samples.filter((sample) => sample.atMs >= incident.breachAtMs - sample.durationMs);
  const users = bad.map((sample) => sample.affectedUsers).filter((count) => count !== null);
  const downtimeMs =
    incident.trafficStoppedAtMs === null
      ? 0
      : (incident.trafficResumedAtMs ?? untilMs) - incident.trafficStoppedAtMs;
  return {
    affected_users: users.length === 0 ? 'unknown' : Math.max(...users),
    error_count: bad.length === 0 ? 'unknown' : bad.reduce((sum, sample) => sum + sample.errors, 0),
    downtime_minutes: minutes(downtimeMs),
  };
}

export function snapshotOf(
  service: string,
  sample: Sample,
  isoTime: (atMs: number) => string,
): MetricsSnapshot {
  const perMinute = sample.durationMs > 0 ? 60_000 / sample.durationMs : 0;
  return {
    service,
    at: isoTime(sample.atMs),
    error_rate: round(sample.errors * perMinute),
    request_rate: round((sample.requests * perMinute) / 60),
    p95_latency_ms: quantileMs(addHistograms(null, sample.latency), 0.95),
    memory_usage_percent: sample.memoryPercent,
    cpu_usage_percent: sample.cpuPercent,
    failed_probes: sample.probes.filter((probe) => !probe.healthy).length,
  };
}

/** Minutes with two decimals: a rollback of seconds is not zero. */
export function minutes(ms: number): number {
  return Math.round(Math.max(0, ms) / 600) / 100;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** The report as Markdown: the GitHub issue, and the file in the incidents folder. */
export function reportMarkdown(report: IncidentReport, entries: readonly TimelineEntry[]): string {
  const { impact, root_cause_hypothesis: cause } = report;
  return [
    `**${productName(report)}** ${report.from} → ${report.to}: ${report.outcome}. ${inline(report.reason)}`,
    '',
    '| | |',
    '| --- | --- |',
    `| Duration | ${report.duration_minutes} min |`,
    `| Downtime (maintenance) | ${impact.downtime_minutes} min |`,
    `| Errors | ${impact.error_count} |`,
    `| Affected users | ${impact.affected_users} |`,
    '',
    '## Triggers',
    '',
    ...report.triggers.map(
      (trigger) => `- **${trigger.type}** (${trigger.severity}): ${inline(trigger.reason)}`,
    ),
    '',
    '## Root cause hypothesis',
    '',
    `${inline(cause.summary)} _(confidence: ${cause.confidence})_`,
    '',
    ...cause.evidence.map((evidence) => `- ${inline(evidence)}`),
    '',
    '## Timeline (UTC)',
    '',
    '```',
    ...entries.map(timelineLine),
    '```',
    '',
    '## Changes deployed',
    '',
    ...report.changes_deployed.flatMap(changesMarkdown),
    '',
    `## Metrics (last ${report.metrics_snapshot.length} checks)`,
    '',
    '| time | service | errors/min | requests/s | p95 ms | memory % | failed probes |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...report.metrics_snapshot.map(
      (row) =>
        `| ${row.at} | ${row.service} | ${row.error_rate} | ${row.request_rate} | ${known(row.p95_latency_ms)} | ${known(row.memory_usage_percent)} | ${row.failed_probes} |`,
    ),
    '',
    `## Logs (first ${report.logs_excerpt.length} of ${report.logs_total} matching lines; ${inline(report.logs_reference)})`,
    '',
    '```',
    ...report.logs_excerpt.map((line) => line.replaceAll('```', "'''")),
    '```',
    '',
  ].join('\n');
}

function changesMarkdown(set: ChangeSet): string[] {
  if (set.problem !== null) return [`- ${set.from} → ${set.to}: ${inline(set.problem)}`];
  if (set.changes.length === 0) return [`- ${set.from} → ${set.to}: no changes found`];
  return set.changes.map((change) => {
    const files = change.files
      .map((file) => `\`${file.path.replaceAll('`', "'")}\` (+${file.added} −${file.removed})`)
      .join(', ');
    return `- \`${change.id.slice(0, 10)}\` ${inline(change.subject)} (${inline(change.author)}): ${files}`;
  });
}

function known(value: number | null): string {
  return value === null ? 'unknown' : shortNumber(value);
}

/** Text from outside must not become markup, a mention or a second line. */
export function inline(text: string): string {
  return text
    .replace(/[\r\n]+/g, ' ')
    .replace(/[\\<>|*_`[\]]/g, '\\$&')
    .replace(/@(?=\w)/g, '@\u200b');
}

/** What the owner reads first: one paragraph. */
export function reportSummary(report: IncidentReport): string {
  return `${productName(report)} ${report.from} → ${report.to}: ${report.outcome}; downtime ${report.impact.downtime_minutes} min, ${report.impact.error_count} errors. Root cause (hypothesis): ${report.root_cause_hypothesis.summary}`;
}

export function incidentDurationText(incident: Incident, untilMs: number): string {
  return shortDuration(untilMs - incident.breachAtMs);
}

export function movesText(incident: Incident): { from: string; to: string } {
  return {
    from: releaseNames(incident.from),
    to: incident.to.length === 0 ? 'nothing' : releaseNames(incident.to),
  };
}
