export interface ChangedFile {
  readonly path: string;
  readonly added: number;
  readonly removed: number;
}

export interface Change {
  readonly id: string;
  readonly author: string;
  /** ISO 8601. */
  readonly at: string;
  readonly subject: string;
  readonly files: readonly ChangedFile[];
}

/** What was deployed: everything between two releases. */
export interface ChangeSet {
  readonly from: string;
  readonly to: string;
  readonly changes: readonly Change[];
  /** The unified diff, cut to 64 KiB. */
  readonly diff: string;
  /** Set when the changes could not be read, with the reason. */
  readonly problem: string | null;
}
