export interface NewIssue {
  /** Identifies the incident; an issue that already carries it is returned instead of a second one. */
  readonly incident: string;
  readonly title: string;
  /** Markdown. */
  readonly body: string;
  /** The same for programs, kept beside the text where the tracker can; JSON. */
  readonly document: unknown;
  readonly labels: readonly string[];
  readonly assignees: readonly string[];
}

export interface OpenedIssue {
  /** `#456`, or a path. */
  readonly reference: string;
  readonly url: string;
  /** Assignees which the tracker silently dropped; they are mentioned in the issue instead. */
  readonly droppedAssignees: readonly string[];
}

export interface IssueTracker {
  readonly name: string;
  open(issue: NewIssue, signal: AbortSignal): Promise<OpenedIssue>;
}
