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
  /** Not ready yet, and the platform that rolls it out says of nothing that it is wrong: neither sick nor healthy. */
  readonly starting?: true;
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
  /** The platform is still replacing instances by those of the configured release: what else runs is on its way out. */
  readonly rollingOut?: true;
  /** Nobody wants it to run now (scaled to zero): that nothing runs is no failure. */
  readonly idle?: true;
}

/**
 * What a check of a release looks at: its own instances, where it has any, for in a rolling deployment the healthy old ones would
 * hide that the new ones crash. Those that only start are left to start.
 */
export function underWatch(live: LiveService, release: string): LiveService {
  const own = live.instances.filter((instance) => instance.release === release);
  const instances = own.length === 0 ? live.instances : own;
  return { ...live, instances: instances.filter(({ starting }) => starting !== true) };
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
  const releases = live.rollingOut === true ? [live.configured] : liveReleases(live);
  const strangers = releases.filter((release) => release !== null && !expected.includes(release));
  if (strangers.length === 0) return null;
  return `${strangers.join(' and ')} is live, expected ${expected.join(' or ')}`;
}
