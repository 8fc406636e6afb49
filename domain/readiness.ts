/** One thing that a rollback will need, looked at before it is needed. */
export interface ReadinessCheck {
  /** `may patch deployments`, `credentials`, `room for one more instance`. */
  readonly name: string;
  readonly ok: boolean;
  /** What was found; where it fails, how it is mended. */
  readonly detail: string;
}

export interface ServiceReadiness {
  readonly service: string;
  /** What would be put back; `null`: nothing could be. */
  readonly target: string | null;
  readonly checks: readonly ReadinessCheck[];
}

/** Whether a rollback would work now. */
export interface Readiness {
  /** When it was looked at, milliseconds since the epoch. */
  readonly atMs: number;
  readonly services: readonly ServiceReadiness[];
}

/** Passed checks in percent of all, rounded down: 100 is all of them. */
export function readinessScore({ services }: Readiness): number {
  const checks = services.flatMap((service) => service.checks);
  const passed = checks.filter(({ ok }) => ok).length;
  return checks.length === 0 ? 0 : Math.floor((100 * passed) / checks.length);
}

/** The sentence that says what is missing, or `null` when a rollback would work. */
export function missingReadiness(readiness: Readiness): string | null {
  const failing = readiness.services.flatMap(({ service, checks }) =>
    checks.filter(({ ok }) => !ok).map(({ name, detail }) => `${service}, ${name}: ${detail}`),
  );
  if (failing.length === 0 && readiness.services.length > 0) return null;
  const what = failing.join('; ') || 'no service was looked at';
  return `a rollback would not work (readiness ${readinessScore(readiness)} %): ${what}`;
}

/** `v2.4.0`, or `web v2.4.0, jobs v1.2.0`; `nothing` where no service has a way back. */
export function readinessTarget({ services }: Readiness): string {
  const known = services.filter(({ target }) => target !== null);
  if (known.length === 0) return 'nothing';
  return services.length === 1
    ? (known[0]?.target as string)
    : known.map(({ service, target }) => `${service} ${target}`).join(', ');
}
