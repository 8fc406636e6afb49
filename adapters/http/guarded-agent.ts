import { type LookupAddress, lookup } from 'node:dns';
import { lookup as addressesOf } from 'node:dns/promises';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { Agent, buildConnector } from 'undici';

/**
 * Addresses of this link only: cloud providers hand out credentials there to whoever asks. A URL in a configuration, or a name that
 * somebody lets point there, must not make us ask (Capital One 2019).
 */
const refused = new BlockList();
refused.addSubnet('169.254.0.0', 16, 'ipv4');
refused.addSubnet('fe80::', 10, 'ipv6');
refused.addAddress('fd00:ec2::254', 'ipv6');
refused.addAddress('100.100.100.200', 'ipv4');

export class RefusedAddress extends Error {
  override readonly name = 'RefusedAddress';

  constructor(host: string) {
    super(`${host} is a link-local address, where clouds keep their metadata: it is not asked`);
  }
}

export function isRefused(address: string): boolean {
  const host = address.replace(/^\[|\]$/g, '');
  // Node looks at an IPv4 address inside an IPv6 one, too.
  const family = isIP(host);
  return family !== 0 && refused.check(host, family === 4 ? 'ipv4' : 'ipv6');
}

export interface GuardedAgentOptions extends Omit<Agent.Options, 'connect'> {
  /** TLS and the like; also a `lookup` of one's own, whose answers are looked at just so. */
  readonly connect?: buildConnector.BuildOptions & { readonly lookup?: LookupFunction };
  /** Is told what became of each attempt to connect. */
  readonly onConnect?: (...result: Parameters<buildConnector.Callback>) => void;
}

/** For every request to an address that somebody configured; the check is of the address that is connected to, not of its name. */
export function createGuardedAgent({
  connect: how = {},
  onConnect,
  ...options
}: GuardedAgentOptions = {}): Agent {
  const connect = buildConnector({ ...how, lookup: guarded(how.lookup ?? lookup) });
  return new Agent({
    ...options,
    connect: (place, callback) => {
      const tell: buildConnector.Callback = (...result) => {
        onConnect?.(...result);
        callback(...result);
      };
      if (isRefused(place.hostname)) tell(new RefusedAddress(place.hostname), null);
      else connect(place, tell);
    },
  });
}

/** Where to connect to, for connections that are no requests. Throws where that is such an address; of names it is found when they are looked up. */
export function guardedPlace(host: string, port: number) {
  if (isRefused(host)) throw new RefusedAddress(host);
  return { host, port, lookup: guarded(lookup) };
}

function guarded(ask: LookupFunction): LookupFunction {
  return (hostname, options, callback) =>
    ask(hostname, options, (error, address: string | LookupAddress[], family) => {
      if (error !== null) return callback(error, address, family);
      const found = typeof address === 'string' ? [address] : address.map((entry) => entry.address);
      const bad = found.find(isRefused);
      if (bad === undefined) callback(null, address, family);
      else callback(new RefusedAddress(`${hostname} (${bad})`), address, family);
    });
}

/** For a client with connections of its own, before it is made: throws where the URL is of such an address, or of a name for one. */
export async function refuseLinkLocal(url: string): Promise<void> {
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
  // A name that nobody knows is the client's to report.
  const found = await addressesOf(host, { all: true }).catch(() => []);
  const bad = found.find(({ address }) => isRefused(address));
  if (bad !== undefined) throw new RefusedAddress(bad.address === host ? host : `${host} (${bad.address})`);
}
