/** One thing that a rollback will need, looked at before it is needed. */
export interface ReadinessCheck {
  /** `may patch deployments`, `credentials`, `room for one more instance`. */
  readonly name: string;
  readonly ok: boolean;
  /** What was found; where it fails, how it is mended. */
  readonly detail: string;
}
