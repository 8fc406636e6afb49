/** One running copy of a service. */
export interface Instance {
  readonly id: string;
  /** What it runs, where the target can tell. */
  readonly release: string | null;
  readonly running: boolean;
  /** Where it answers HTTP, e.g. `http://127.0.0.1:4101`. */
  readonly url: string | null;
  /** Why it does not run, in the platform's words: `CrashLoopBackOff: back-off 5m0s restarting failed container`. */
  readonly trouble?: string;
}

/** What a deploy target says is live now. */
export interface LiveService {
  /** The release that a start would run (symbolic link, pod template, task definition). */
  readonly configured: string | null;
  readonly instances: readonly Instance[];
  /**
   * How the configured release is put there, in the target's own words; recorded with the deployment and given back when it is
   * restored. Absent: the platform remembers, or there is nothing to say beside the release's name.
   */
  readonly recipe?: string;
}

/** Every release that is configured or running, without repeats. */
export function liveReleases(live: LiveService): string[] {
  const running = live.instances.filter((instance) => instance.running).map((instance) => instance.release);
  return [...new Set([live.configured, ...running])].filter((release) => release !== null);
}

/**
 * The sentence that says who else changed the service, or `null` when only expected releases are live.
 * Every acting step compares before it acts, so that an attempt which wakes up late changes nothing.
 */
export function unexpectedRelease(live: LiveService, expected: readonly string[]): string | null {
  const strangers = liveReleases(live).filter((release) => !expected.includes(release));
  if (strangers.length === 0) return null;
  return `${strangers.join(' and ')} is live, expected ${expected.join(' or ')}`;
}
