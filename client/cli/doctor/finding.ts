/** What was looked at, and what was found. */
export interface Finding {
  readonly group: FindingGroup;
  readonly what: string;
  /** Nothing has to be done. */
  readonly ok: boolean;
  /** It works, but somebody should know. */
  readonly warning: boolean;
  readonly detail: string;
  /** How it is mended, in a sentence; `null` where all is well. */
  readonly mend: string | null;
}

export const findingGroups = ['this machine', 'Temporal', 'configuration', 'people', 'products'] as const;

export type FindingGroup = (typeof findingGroups)[number];

/** Worth knowing, and no reason to fail. */
export class Warning extends Error {
  readonly mend: string;

  constructor(detail: string, mend: string) {
    super(detail);
    this.mend = mend;
  }
}

/** One look. What `ask` throws is the failure, and `mend` says what to do about it. */
export type Look = (
  what: string,
  ask: () => Promise<string> | string,
  mend: string | ((detail: string) => string),
) => Promise<Finding>;

export function looker(group: FindingGroup): Look {
  return async (what, ask, mend) => {
    try {
      return { group, what, ok: true, warning: false, detail: await ask(), mend: null };
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      if (error instanceof Warning) return { group, what, ok: true, warning: true, detail, mend: error.mend };
      return {
        group,
        what,
        ok: false,
        warning: false,
        detail,
        mend: typeof mend === 'string' ? mend : mend(detail),
      };
    }
  };
}
