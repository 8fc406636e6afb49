import type { ChangeSet } from '../../domain/changes.ts';

export interface ChangeRequest {
  readonly service: string;
  readonly from: string;
  readonly to: string;
  readonly signal: AbortSignal;
}

/** Where source history is kept. An unknown release is a `problem` in the answer, not an error. */
export interface ChangeSource {
  between(request: ChangeRequest): Promise<ChangeSet>;
}
