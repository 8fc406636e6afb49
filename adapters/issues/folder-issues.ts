import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createFile } from '../durable-file.ts';
import type { IssueTracker, NewIssue, OpenedIssue } from './issue-tracker.ts';

export interface FolderIssuesOptions {
  /** Made when it is missing. */
  readonly folder: string;
}

/** Issues as Markdown files with their JSON beside them, one pair per incident, for teams without a tracker. */
export function createFolderIssues({ folder }: FolderIssuesOptions): IssueTracker {
  return {
    name: 'folder',
    async open(issue, signal) {
      signal.throwIfAborted();
      const path = resolve(join(folder, fileName(issue.incident)));
      await mkdir(folder, { recursive: true });
      await createFile(`${path}.json`, `${JSON.stringify(issue.document, null, 2)}\n`);
      await createFile(`${path}.md`, markdown(issue));
      return opened(`${path}.md`);
    },
  };
}

/** An incident's id cannot leave the folder. */
function fileName(incident: string): string {
  return encodeURIComponent(incident).replace(/^\./, '%2E').slice(0, 200);
}

function markdown(issue: NewIssue): string {
  const list = (items: readonly string[]) => (items.length === 0 ? 'none' : items.join(', '));
  return [
    `# ${issue.title.replace(/\s+/g, ' ')}`,
    `Incident: ${issue.incident}\nLabels: ${list(issue.labels)}\nAssigned to: ${list(issue.assignees)}`,
    `${issue.body.trimEnd()}\n`,
  ].join('\n\n');
}

function opened(path: string): OpenedIssue {
  return { reference: path, url: pathToFileURL(path).href, droppedAssignees: [] };
}
