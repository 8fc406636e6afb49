import type { Instance } from '../../domain/live.ts';

/** Where the running instances of a release answer, like `http://127.0.0.1:4101`; throws when there is none. */
export function originsOf(release: string, instances: readonly Instance[]): string[] {
  const urls = instances.filter(({ running }) => running).map(({ url }) => url);
  const origins = urls.filter((url) => url !== null).map((url) => new URL(url).origin);
  if (origins.length === 0)
    throw new Error(`no running instance of ${release} has an address to send traffic to`);
  return [...new Set(origins)];
}

/** The same as `host:port`, for what speaks plain HTTP to instances. */
export function addressesOf(release: string, instances: readonly Instance[]): string[] {
  return originsOf(release, instances).map((origin) => {
    const { hostname, port, protocol } = new URL(origin);
    return `${hostname}:${port || (protocol === 'https:' ? '443' : '80')}`;
  });
}
