import { GitHubRefusal } from '../../github/connect.ts';
import type { StepContext } from '../deploy-target.ts';
import { pause } from '../pause.ts';
import type { AskGitHub } from './ask.ts';

/** A run of a workflow, as far as it is looked at. */
export interface Run {
  readonly id: number;
  readonly html_url: string;
  /** What `run-name` of the workflow made of it. */
  readonly display_title?: string;
  readonly status: string | null;
  readonly conclusion: string | null;
  readonly created_at: string;
}

export interface Dispatch {
  readonly workflow: string;
  readonly ref: string;
  readonly inputs: Readonly<Record<string, string>>;
  /** Shown by the run's name: the API does not tell a run's inputs. */
  readonly mark: string;
}

/** Newest runs that are looked through for one with the mark. */
const runsLookedAt = 100;
/** Until a run that was dispatched is listed. */
const listedWithinMs = 60_000;

/** The run of this step: the one that an earlier attempt dispatched, or a new one. */
export async function runOf(
  ask: AskGitHub,
  dispatch: Dispatch,
  { step, pollMs }: { readonly step: StepContext; readonly pollMs: number },
): Promise<Run> {
  const before = await findRun(ask, dispatch, step.signal);
  if (before !== null) {
    step.heartbeat(`this step has dispatched ${before.html_url} before`);
    return before;
  }
  const id = await dispatchOnce(ask, dispatch, step);
  if (id !== null) return readRun(ask, id, step.signal);
  const deadline = performance.now() + listedWithinMs;
  for (;;) {
    const found = await findRun(ask, dispatch, step.signal);
    if (found !== null) return found;
    if (performance.now() > deadline)
      throw new Error(
        `${dispatch.workflow} was dispatched on ${dispatch.ref}, but no run with "${dispatch.mark}" in its name came to be; its run-name must show the input that {key} is given to`,
      );
    step.heartbeat(`waiting for the run of ${dispatch.workflow} to be listed`);
    await pause(pollMs, step.signal);
  }
}

export async function findRun(
  ask: AskGitHub,
  dispatch: Pick<Dispatch, 'workflow' | 'mark'>,
  signal: AbortSignal,
): Promise<Run | null> {
  const { workflow, mark } = dispatch;
  const page = await ask(`the runs of ${workflow}`, signal, (rest, place) =>
    rest.actions.listWorkflowRuns({
      ...place,
      workflow_id: workflow,
      event: 'workflow_dispatch',
      per_page: runsLookedAt,
    }),
  );
  if (!Array.isArray(page?.workflow_runs)) throw new Error(`GitHub told no runs of ${workflow}`);
  return page.workflow_runs.find((run) => shows(run.display_title, mark)) ?? null;
}

/** `INC-1/1/1` is not in `INC-1/1/10`. */
function shows(title: string | undefined, mark: string): boolean {
  const at = title?.indexOf(mark) ?? -1;
  if (title === undefined || at < 0) return false;
  const [before, after] = [title[at - 1] ?? ' ', title[at + mark.length] ?? ' '];
  return ![before, after].some((neighbour) => /[\p{L}\p{N}/._-]/u.test(neighbour));
}

/** The new run's id, or `null` where the server does not tell it or its answer was lost. */
async function dispatchOnce(ask: AskGitHub, dispatch: Dispatch, step: StepContext): Promise<number | null> {
  const { workflow, ref, inputs } = dispatch;
  step.heartbeat(`dispatching ${workflow} on ${ref}`);
  try {
    const told = await ask(`the dispatch of ${workflow}`, step.signal, (rest, place) =>
      rest.actions.createWorkflowDispatch({
        ...place,
        workflow_id: workflow,
        ref,
        inputs,
        return_run_details: true,
        // Dispatching is not repeated blindly; the runs are looked through first.
        request: { ...place.request, retries: 0 },
      }),
    );
    const { workflow_run_id: id } = (told ?? {}) as { readonly workflow_run_id?: number };
    return typeof id === 'number' ? id : null;
  } catch (error) {
    if (!(error instanceof GitHubRefusal) || !error.passing) throw error;
    step.heartbeat(`${error.message}; looking whether the run came to be`);
    if ((await findRun(ask, dispatch, step.signal)) === null) throw error;
    return null;
  }
}

async function readRun(ask: AskGitHub, run_id: number, signal: AbortSignal): Promise<Run> {
  const run = await ask('the run', signal, (rest, place) =>
    rest.actions.getWorkflowRun({ ...place, run_id }),
  );
  if (typeof run?.id !== 'number') throw new Error(`GitHub told nothing of run ${run_id}`);
  return run;
}

/** Returns when the run has succeeded. A GitHub that is away for a while is waited for: the run goes on. */
export async function untilSucceeded(
  ask: AskGitHub,
  begun: Run,
  { step, pollMs }: { readonly step: StepContext; readonly pollMs: number },
): Promise<void> {
  let run = begun;
  for (;;) {
    if (run.status === 'completed') break;
    step.heartbeat(`${run.html_url} is ${wordsFor[run.status ?? ''] ?? run.status}`);
    await pause(pollMs, step.signal);
    try {
      run = await readRun(ask, run.id, step.signal);
    } catch (error) {
      if (!(error instanceof GitHubRefusal) || !error.passing) throw error;
      step.heartbeat(`${run.html_url} cannot be seen: ${error.message}`);
    }
  }
  if (run.conclusion === 'success') return step.heartbeat(`${run.html_url} has succeeded`);
  const where = await failedStep(ask, run.id, step.signal).catch(() => null);
  throw new Error(`${run.html_url} ended with ${run.conclusion}${where === null ? '' : `: ${where}`}`);
}

const wordsFor: Readonly<Record<string, string>> = {
  waiting: 'waiting for the protection rules of its environment: a reviewer, or a timer',
  in_progress: 'running',
};

async function failedStep(ask: AskGitHub, run_id: number, signal: AbortSignal): Promise<string | null> {
  const { jobs } = await ask('the jobs of the run', signal, (rest, place) =>
    rest.actions.listJobsForWorkflowRun({ ...place, run_id, filter: 'latest', per_page: 100 }),
  );
  const failed = jobs.find(({ conclusion }) => conclusion !== 'success' && conclusion !== 'skipped');
  const at = failed?.steps?.find(({ conclusion }) => conclusion === 'failure');
  if (failed === undefined) return null;
  return `job ${failed.name} ${failed.conclusion ?? failed.status}${at === undefined ? '' : ` at step "${at.name}"`}`;
}
