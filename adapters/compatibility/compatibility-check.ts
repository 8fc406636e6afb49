export interface Compatibility {
  readonly compatible: boolean;
  /** Why not, or how it was found out. */
  readonly reason: string;
}

/** Whether an older release can live with what a newer one has left behind: a database's schema, say. */
export interface CompatibilityCheck {
  /** Acts on nothing. Throws where it cannot be found out. */
  between(
    service: string,
    releases: { readonly from: string; readonly to: string },
    signal: AbortSignal,
  ): Promise<Compatibility>;
}
