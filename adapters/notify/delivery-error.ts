/** A message that a channel did not accept. Its text is the channel's own answer and holds no secret. */
export class DeliveryError extends Error {
  override readonly name = 'DeliveryError';
  /** When the channel said to try again, milliseconds from now; `null` where it did not say. */
  readonly retryAfterMs: number | null;
  /** The channel will refuse the same message again: an address or a setting must change first. */
  readonly permanent: boolean;

  constructor(message: string, about: { retryAfterMs?: number | null; permanent?: boolean } = {}) {
    super(message);
    this.retryAfterMs = about.retryAfterMs ?? null;
    this.permanent = about.permanent ?? false;
  }
}
