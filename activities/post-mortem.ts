import { Context } from '@temporalio/activity';
import type { ChangeSet } from '../domain/changes.ts';
import { releaseOf } from '../domain/deployment.ts';
import type { Incident } from '../domain/incident.ts';
import {
  type IncidentReport,
  impactOf,
  minutes,
  movesText,
  reportMarkdown,
  reportSummary,
  snapshotOf,
} from '../domain/post-mortem.ts';
import { type Hypothesis, hypothesize } from '../domain/root-cause.ts';
import { saveIncident } from './begin-rollback.ts';
import type { Dependencies, ProductSetup } from './dependencies.ts';
import { messageOf } from './within.ts';

const logLines = 100;
const snapshots = 30;

/** What the report says in short; the document itself is in the store and in the incidents folder. */
export interface WrittenReport {
  readonly summary: string;
  readonly cause: string;
  readonly hypothesis: string;
  readonly file: string;
}

export interface OpenedIncidentIssue {
  readonly reference: string;
  readonly url: string;
  readonly assigned: string;
  readonly note: string | null;
}

export function createPostMortemActivities({ store, catalog, clock }: Dependencies) {
  return {
    /** Collects logs, metrics and changes, guesses the cause, and saves the report as JSON and Markdown. */
    async writeReport(incident: Incident): Promise<WrittenReport> {
      const setup = await catalog.setup(incident);
      // The rollback writes the incident beside its steps: it may not have come to it yet.
      await saveIncident(store, incident);
      const entries = await store.timeline.list({ ...incident, deployment: incident.deployment, limit: 500 });
      const report = await compile(setup, incident);
      await store.incidents.change(incident.id, (found) => ({
        ...found,
        rootCause: report.root_cause_hypothesis.cause,
      }));
      await store.incidents.saveReport(incident.id, report);
      const file = await setup.incidentsFolder.open(
        {
          incident: incident.id,
          title: `Incident: Rollback of ${incident.deployment}`,
          body: reportMarkdown(report, entries),
          labels: [],
          assignees: [],
        },
        Context.current().cancellationSignal,
      );
      return {
        summary: reportSummary(report),
        cause: report.root_cause_hypothesis.cause,
        hypothesis: report.root_cause_hypothesis.summary,
        file: file.reference,
      };
    },

    /** Opens the issue where a tracker is configured; else the report in the incidents folder is the issue, and says so. */
    async openIssue(incident: Incident, written: WrittenReport): Promise<OpenedIncidentIssue> {
      const setup = await catalog.setup(incident);
      const assignment = setup.assigneesFor(assignmentKey(incident, written));
      if (setup.issues === null) {
        const note = 'no GitHub token is configured, the issue is the report in the incidents folder';
        await store.incidents.change(incident.id, (known) => ({ ...known, issue: written.file }));
        return { reference: written.file, url: written.file, assigned: assignment.role, note };
      }
      const report = (await store.incidents.readReport(incident.id)) as IncidentReport;
      const entries = await store.timeline.list({ ...incident, deployment: incident.deployment, limit: 500 });
      const opened = await setup.issues.open(
        {
          incident: incident.id,
          title: `Incident: Rollback of ${incident.deployment}`,
          body: reportMarkdown(report, entries),
          labels: ['incident', 'rollback', 'critical', ...assignment.labels],
          assignees: assignment.assignees,
        },
        Context.current().cancellationSignal,
      );
      await store.incidents.change(incident.id, (known) => ({ ...known, issue: opened.reference }));
      const dropped = opened.droppedAssignees;
      const note =
        dropped.length === 0
          ? null
          : `GitHub dropped the assignees ${dropped.join(', ')}; they are mentioned in the issue`;
      return { reference: opened.reference, url: opened.url, assigned: assignment.role, note };
    },

    async recordReview(incident: string, review: NonNullable<Incident['review']>): Promise<void> {
      await store.incidents.change(incident, (known) => ({ ...known, status: 'reviewed', review }));
    },
  };

  async function compile(setup: ProductSetup, incident: Incident): Promise<IncidentReport> {
    const nowMs = await clock.now();
    const untilMs = incident.endedAtMs ?? nowMs;
    const changes = await changesOf(setup, incident);
    const logs = await logsOf(setup, incident, untilMs);
    const range = { sinceMs: incident.breachAtMs - 60 * 60_000, untilMs };
    const ticks = (await store.watches.samples(incident, range)).filter((tick) => tick.kind === 'sample');
    const isoTime = (atMs: number) => new Date(atMs).toISOString();
    const hypothesis: Hypothesis = hypothesize({ triggers: incident.triggers, logs: logs.lines, changes });
    const timeline = await store.timeline.list({ ...incident, deployment: incident.deployment, limit: 500 });
    return {
      incident: incident.id,
      product: incident.product,
      environment: incident.environment,
      deployment_id: incident.deployment,
      timestamp: isoTime(nowMs),
      reason: incident.reason,
      ...movesText(incident),
      outcome: incident.outcome ?? incident.status,
      triggers: incident.triggers,
      duration_minutes: minutes(untilMs - incident.breachAtMs),
      impact: impactOf(
        incident,
        ticks.map((tick) => tick.sample),
        nowMs,
      ),
      changes_deployed: changes,
      logs_excerpt: logs.lines,
      logs_total: logs.total,
      logs_reference: logs.reference,
      metrics_snapshot: ticks
        .filter((tick) => tick.sample.regular)
        .slice(-snapshots)
        .map((tick) => snapshotOf(tick.service, tick.sample, isoTime)),
      root_cause_hypothesis: hypothesis,
      timeline: timeline.map((entry) => `${isoTime(entry.atMs)} ${entry.text}`),
    };
  }

  async function changesOf(setup: ProductSetup, incident: Incident): Promise<ChangeSet[]> {
    return Promise.all(
      incident.from.map(async ({ service, release }): Promise<ChangeSet> => {
        const to = releaseOf({ services: incident.to }, service);
        const source = setup.services.find((entry) => entry.service === service)?.changes ?? null;
        const empty = { from: to ?? 'unknown', to: release, changes: [], diff: '' };
        if (source === null) return { ...empty, problem: 'no source of changes is configured' };
        if (to === null)
          return { ...empty, problem: 'no release was rolled back to, so there is nothing to compare with' };
        const signal = Context.current().cancellationSignal;
        return source
          .between({ service, from: to, to: release, signal })
          .catch((error) => ({ ...empty, problem: messageOf(error) }));
      }),
    );
  }

  async function logsOf(setup: ProductSetup, incident: Incident, untilMs: number) {
    const excerpts = await Promise.all(
      incident.from.map(async ({ service, release }) => {
        const source = setup.services.find((entry) => entry.service === service)?.logs ?? null;
        if (source === null)
          return { lines: [], total: 0, reference: `no log source is configured for ${service}` };
        const sinceMs =
          Math.min(...incident.triggers.map((trigger) => trigger.sinceMs), incident.breachAtMs) - 60_000;
        const request = {
          service,
          release,
          sinceMs,
          untilMs: Math.min(untilMs, incident.trafficStoppedAtMs ?? untilMs) + 5_000,
          limit: logLines,
        };
        return source
          .excerpt({ ...request, signal: Context.current().cancellationSignal })
          .catch((error) => ({
            lines: [],
            total: 0,
            reference: `logs of ${service} could not be read: ${messageOf(error)}`,
          }));
      }),
    );
    return {
      lines: excerpts.flatMap((excerpt) => excerpt.lines).slice(0, logLines),
      total: excerpts.reduce((sum, excerpt) => sum + excerpt.total, 0),
      reference: excerpts.map((excerpt) => excerpt.reference).join('; '),
    };
  }
}

/** What `assign:` is asked with: the cause if one was found, else the first trigger. */
function assignmentKey(incident: Incident, written: WrittenReport): string {
  return written.cause === 'unknown' ? (incident.triggers[0]?.type ?? 'unknown') : written.cause;
}
