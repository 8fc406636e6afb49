import { Context } from '@temporalio/activity';
import type { NewIssue } from '../adapters/issues/issue-tracker.ts';
import type { Incident } from '../domain/incident.ts';
import type { Message } from '../domain/message.ts';
import {
  type Evidence,
  type IncidentReport,
  impactOf,
  minutes,
  movesText,
  reportMarkdown,
  reportSummary,
  snapshotOf,
} from '../domain/post-mortem.ts';
import { type Hypothesis, hypothesize } from '../domain/root-cause.ts';
import type { TimelineEntry } from '../domain/timeline.ts';
import type { Dependencies, ProductSetup } from './dependencies.ts';
import { ensureIncident } from './save-incident.ts';
import { messageOf } from './within.ts';

const snapshots = 30;
const snapshotBeforeMs = 60 * 60_000;

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
    /**
     * Compiles the report from the collected evidence, the samples and the timeline, guesses the cause, and saves it: as JSON in
     * the store, as JSON and Markdown in the incidents folder.
     */
    async writeReport(incident: Incident): Promise<WrittenReport> {
      const setup = await catalog.setup(incident);
      await ensureIncident(store, incident);
      const timeline = await timelineOf(incident);
      const report = await compile(incident, timeline);
      const { cause, summary: hypothesis } = report.root_cause_hypothesis;
      await store.incidents.change(incident.id, (found) => ({ ...found, rootCause: cause }));
      await store.incidents.saveReport(incident.id, report);
      const file = await setup.incidentsFolder.open(
        issueOf(incident, report, timeline, assignmentOf(setup, incident, cause)),
        Context.current().cancellationSignal,
      );
      return { summary: reportSummary(report), cause, hypothesis, file: file.reference };
    },

    /** Opens the issue where a tracker is configured; else the report in the incidents folder is the issue, and says so. */
    async openIssue(incident: Incident, written: WrittenReport): Promise<OpenedIncidentIssue> {
      const setup = await catalog.setup(incident);
      const assignment = assignmentOf(setup, incident, written.cause);
      if (setup.issues === null) {
        await store.incidents.change(incident.id, (known) => ({ ...known, issue: written.file }));
        const notes = [
          'no GitHub token is configured, the issue is the report in the incidents folder',
          await tellAssigned(incident, written, assignment),
        ];
        return { reference: written.file, url: written.file, assigned: assignment.role, note: noteOf(notes) };
      }
      const report = (await store.incidents.readReport(incident.id)) as IncidentReport;
      const opened = await setup.issues.open(
        issueOf(incident, report, await timelineOf(incident), assignment),
        Context.current().cancellationSignal,
      );
      await store.incidents.change(incident.id, (known) => ({
        ...known,
        issue: opened.reference,
        issueUrl: opened.url,
      }));
      const dropped = opened.droppedAssignees;
      const notes = [
        dropped.length === 0
          ? null
          : `GitHub dropped the assignees ${dropped.join(', ')}; they are mentioned in the issue`,
        await tellAssigned(incident, written, assignment),
      ];
      const { reference, url } = opened;
      return { reference, url, assigned: assignment.role, note: noteOf(notes) };
    },

    async recordReview(incident: string, review: NonNullable<Incident['review']>): Promise<void> {
      await store.incidents.change(incident, (known) => ({ ...known, status: 'reviewed', review }));
    },
  };

  /** Once, however often the activity is repeated. A sentence when it could not be told: the issue is there all the same. */
  async function tellAssigned(
    incident: Incident,
    written: WrittenReport,
    { webhook, role }: Assignment,
  ): Promise<string | null> {
    if (webhook === undefined) return null;
    const key = `assigned/${incident.id}`;
    if (await store.notices.wasSent(key, webhook.name)) return null;
    const atMs = await clock.now();
    const message: Message = {
      key,
      severity: 'warning',
      product: incident.product,
      environment: incident.environment,
      title: `Assigned to you: ${incident.id}`,
      text: `${written.summary}\nRoot cause (hypothesis): ${written.hypothesis}\nReport: ${written.file}`,
      facts: [{ name: 'cause', value: written.cause }],
      commands: [{ label: 'Review', command: `orchestrator review ${incident.id} "what was learned"` }],
      links: [],
      atMs,
    };
    try {
      await webhook.send(message, Context.current().cancellationSignal);
      await store.notices.markSent(key, webhook.name, atMs);
      return null;
    } catch (error) {
      return `${role} could not be told by webhook: ${messageOf(error)}`;
    }
  }

  async function timelineOf(incident: Incident): Promise<TimelineEntry[]> {
    return store.timeline.list({ ...incident, deployment: incident.deployment, limit: 500 });
  }

  async function compile(incident: Incident, timeline: readonly TimelineEntry[]): Promise<IncidentReport> {
    const nowMs = await clock.now();
    const untilMs = incident.endedAtMs ?? nowMs;
    const { changes, logs } = (await store.incidents.readEvidence(incident.id)) ?? nothingCollected(incident);
    const range = { sinceMs: incident.breachAtMs - snapshotBeforeMs, untilMs };
    const ticks = (await store.watches.samples(incident, range)).filter((tick) => tick.kind === 'sample');
    const isoTime = (atMs: number) => new Date(atMs).toISOString();
    const hypothesis: Hypothesis = hypothesize({ triggers: incident.triggers, logs: logs.lines, changes });
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
}

function noteOf(notes: readonly (string | null)[]): string | null {
  const given = notes.filter((note) => note !== null);
  return given.length === 0 ? null : given.join('; ');
}

function nothingCollected(incident: Incident): Evidence {
  const problem = 'not collected: no worker that reaches the hosts answered';
  return {
    changes: incident.from.map(({ release }) => ({
      from: 'unknown',
      to: release,
      changes: [],
      diff: '',
      problem,
    })),
    logs: { lines: [], total: 0, reference: `logs were ${problem}` },
  };
}

type Assignment = ReturnType<ProductSetup['assigneesFor']>;

function issueOf(
  incident: Incident,
  report: IncidentReport,
  timeline: readonly TimelineEntry[],
  assignment: Assignment,
): NewIssue {
  return {
    incident: incident.id,
    title: `Incident: Rollback of ${incident.deployment}`,
    body: reportMarkdown(report, timeline),
    document: report,
    labels: ['incident', 'rollback', 'critical', ...assignment.labels],
    assignees: assignment.assignees,
  };
}

/** `assign:` is asked with the cause if one was found, else with the first trigger. */
function assignmentOf(setup: ProductSetup, incident: Incident, cause: string): Assignment {
  return setup.assigneesFor(cause === 'unknown' ? (incident.triggers[0]?.type ?? 'unknown') : cause);
}
