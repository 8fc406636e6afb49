import { allHandlersFinished, condition, setHandler, workflowInfo } from '@temporalio/workflow';
import { productName } from '../domain/identity.ts';
import type { Incident } from '../domain/incident.ts';
import { collecting, investigating } from './activities.ts';
import { createJournal } from './journal.ts';
import { type Answer, type ReviewCommand, reviewSignal, reviewUpdate, statusQuery } from './messages.ts';
import { createPresence } from './presence.ts';
import { causeOf } from './rollback-context.ts';
import { createTeller } from './teller.ts';

export interface PostMortemInput {
  readonly incident: Incident;
  /** Where logs and changes can be read. */
  readonly targetQueue: string;
  readonly searchAttributes: boolean;
}

export interface PostMortemResult {
  readonly incident: string;
  readonly issue: string;
  readonly review: Incident['review'];
}

/** The owner is reminded after one, three and seven days, then every week. */
const reminderHours = [24, 72, 168];

/** Collects what happened, guesses the cause, opens the issue, assigns it, and waits for the owner's review. */
export async function postMortem(input: PostMortemInput): Promise<PostMortemResult> {
  const { incident, searchAttributes } = input;
  const presence = createPresence(searchAttributes);
  const journal = createJournal(incident, workflowInfo().runId, presence, incident.id);
  const teller = createTeller(incident, workflowInfo().runId, journal, {
    thread: incident.id,
    about: { services: incident.from, to: incident.to, incident: incident.id },
  });
  let review: Incident['review'] = null;

  function take(command: ReviewCommand): Answer {
    if (review !== null) return { accepted: false, reason: `reviewed already by ${review.by}` };
    const by = command.by ?? 'a person';
    review = { by, verdict: command.verdict ?? 'reviewed', note: command.note ?? '', atMs: Date.now() };
    return { accepted: true, reason: `review of ${incident.id} recorded` };
  }
  setHandler(statusQuery, () => ({
    phase: presence.phase,
    details: presence.details,
    outcome: review?.verdict ?? null,
  }));
  setHandler(reviewUpdate, (command) => take(command ?? {}));
  setHandler(reviewSignal, (command) => void take(command ?? {}));

  presence.enter('investigating');
  const issue = await investigate();
  await waitForReview();
  return { incident: incident.id, issue, review };

  async function investigate(): Promise<string> {
    await collecting(input.targetQueue)
      .collectEvidence(incident)
      .catch((error) => journal.note('failed', `Logs and changes could not be collected: ${causeOf(error)}`));
    try {
      const written = await investigating.writeReport(incident);
      journal.note('post_mortem', `Root cause (hypothesis): ${written.hypothesis}`);
      const opened = await investigating.openIssue(incident, written);
      journal.note(
        'post_mortem',
        `Issue created: ${opened.reference}\nAssigned: ${opened.assigned}${opened.note ? `\n${opened.note}` : ''}`,
      );
      const links = opened.url.startsWith('http') ? [{ label: 'Issue', url: opened.url }] : [];
      teller.tell('owner', {
        severity: 'info',
        title: `Post-mortem of ${incident.deployment}`,
        text: `${written.summary}\nReport: ${written.file}${opened.note ? `\n${opened.note}` : ''}`,
        links,
        ...(links.length === 0 ? {} : { event: 'reported' as const }),
        commands: [{ label: 'Review', command: `orchestrator review ${incident.id} "what was learned"` }],
      });
      return opened.reference;
    } catch (error) {
      const text = `The post-mortem of ${incident.id} could not be completed: ${causeOf(error)}`;
      journal.note('failed', text);
      teller.tell('owner', {
        severity: 'warning',
        title: `Post-mortem incomplete: ${productName(incident)}`,
        text,
      });
      return 'none';
    }
  }

  async function waitForReview(): Promise<void> {
    presence.enter('review');
    for (let reminders = 0; review === null; reminders += 1) {
      const sinceLast =
        (reminderHours[reminders] ?? 168 * (reminders - 1)) -
        (reminderHours[reminders - 1] ?? (reminders === 0 ? 0 : 168 * (reminders - 2)));
      if (await condition(() => review !== null, Math.max(1, sinceLast) * 3_600_000)) break;
      teller.tell('owner', {
        severity: 'warning',
        title: `Review is waiting: ${incident.id}`,
        text: `The incident of ${productName(incident)} ${incident.deployment} has not been reviewed yet.`,
        commands: [{ label: 'Review', command: `orchestrator review ${incident.id} "what was learned"` }],
      });
    }
    const given = review as unknown as NonNullable<Incident['review']>;
    await investigating.recordReview(incident.id, given);
    journal.note(
      'person',
      `Reviewed by ${given.by}: ${given.verdict}${given.note ? ` (${given.note})` : ''}`,
    );
    presence.enter('ended');
    await teller.settled(600_000);
    await journal.flushed(60_000);
    await condition(allHandlersFinished);
  }
}
