import { type LookupAddress, lookup } from 'node:dns';
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
  readonly code = 'REFUSED_ADDRESS';

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

/** For every request to an address that somebody configured; the check is of the address that is connected to, not of its name. */
export function createGuardedAgent(options: Omit<Agent.Options, 'connect'> = {}): Agent {
  const connect = buildConnector({ lookup: guardedLookup });
  return new Agent({
    ...options,
    connect: (place, callback) => {
      if (isRefused(place.hostname)) callback(new RefusedAddress(place.hostname), null);
      else connect(place, callback);
    },
  });
}

const guardedLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, options, (error, address: string | LookupAddress[], family) => {
    if (error !== null) return callback(error, address, family);
    const found = typeof address === 'string' ? [address] : address.map((entry) => entry.address);
    const bad = found.find(isRefused);
    if (bad === undefined) callback(null, address, family);
    else callback(new RefusedAddress(`${hostname} (${bad})`), address, family);
  });
};
