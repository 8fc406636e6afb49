import { describe, expect, it } from 'vitest';
import { type Instance, liveReleases, underWatch, unexpectedRelease } from '../../domain/live.ts';

function anInstance(over: Partial<Instance> = {}): Instance {
  return { id: 'web-1', release: 'v2.5.0', running: true, url: null, ...over };
}

describe('what is live', () => {
  it('is what is configured and what runs, without repeats', () => {
    const instances = [
      anInstance(),
      anInstance({ id: 'web-2', release: 'v2.4.0' }),
      anInstance({ id: 'web-3', release: 'v2.3.0', running: false }),
      anInstance({ id: 'web-4', release: null }),
    ];
    expect(liveReleases({ configured: 'v2.5.0', instances })).toEqual(['v2.5.0', 'v2.4.0']);
    expect(liveReleases({ configured: null, instances: [] })).toEqual([]);
  });
});

describe('an unexpected release', () => {
  it.each([
    ['ours', 'v2.5.0', 'v2.5.0', ['v2.5.0'], null],
    ['ours in part', 'v2.4.0', 'v2.5.0', ['v2.5.0', 'v2.4.0'], null],
    ['nothing', null, null, ['v2.5.0'], null],
    ['a stranger', 'v2.6.0', 'v2.6.0', ['v2.5.0'], 'v2.6.0 is live, expected v2.5.0'],
    [
      'a stranger in part',
      'v2.5.0',
      'v2.6.0',
      ['v2.5.0', 'v2.4.0'],
      'v2.6.0 is live, expected v2.5.0 or v2.4.0',
    ],
    ['two strangers', 'v3', 'v4', ['v2.5.0'], 'v3 and v4 is live, expected v2.5.0'],
  ])('where %s is live', (_, configured, release, expected, sentence) => {
    expect(unexpectedRelease({ configured, instances: [anInstance({ release })] }, expected)).toBe(sentence);
  });
});

describe('while the platform is still replacing instances', () => {
  const instances = [anInstance(), anInstance({ id: 'web-2', release: 'v2.4.0' })];

  it('the old ones are on their way out, and nobody else’s', () => {
    const live = { configured: 'v2.5.0', instances };
    expect(unexpectedRelease(live, ['v2.5.0'])).toBe('v2.4.0 is live, expected v2.5.0');
    expect(unexpectedRelease({ ...live, rollingOut: true }, ['v2.5.0'])).toBeNull();
    expect(unexpectedRelease({ ...live, configured: 'v3', rollingOut: true }, ['v2.5.0'])).toBe(
      'v3 is live, expected v2.5.0',
    );
    expect(unexpectedRelease({ ...live, configured: null, rollingOut: true }, ['v2.5.0'])).toBeNull();
  });
});

describe('what a check of a release looks at', () => {
  const watched = (...instances: Instance[]) =>
    underWatch({ configured: 'v2.5.0', instances }, 'v2.5.0').instances.map(({ id }) => id);
  const old = anInstance({ id: 'old', release: 'v2.4.0' });
  const crashing = anInstance({ id: 'crashing', running: false, trouble: 'CrashLoopBackOff' });
  const starting = anInstance({ id: 'starting', running: false, starting: true });

  it('are its own instances: healthy old ones must not hide that it crashes', () => {
    expect(watched(old, old, old, crashing)).toEqual(['crashing']);
  });

  it('are not those that only start', () => {
    expect(watched(old, crashing, starting)).toEqual(['crashing']);
    expect(watched(old, starting)).toEqual([]);
  });

  it('are all there are where none says that it is of the release', () => {
    expect(watched(old, anInstance({ id: 'unknown', release: null }))).toEqual(['old', 'unknown']);
  });
});
