import { describe, expect, it } from 'vitest';
import { behindProxies } from '../../../client/api/access/address.ts';

describe('where a request comes from', () => {
  it.each<[what: string, connected: string, forwarded: string | undefined, proxies: string[], from: string]>([
    ['is the connection', '10.0.0.4', '1.2.3.4', [], '10.0.0.4'],
    ['is what a proxy of ours says', '10.0.0.4', '1.2.3.4', ['10.0.0.4'], '1.2.3.4'],
    ['is not what a stranger says', '9.9.9.9', '1.2.3.4', ['10.0.0.4'], '9.9.9.9'],
    ['is not what was written before our proxy', '10.0.0.4', '7.7.7.7, 1.2.3.4', ['10.0.0.0/8'], '1.2.3.4'],
    ['goes through several proxies', '10.0.0.4', '1.2.3.4, 10.0.0.9', ['10.0.0.0/8'], '1.2.3.4'],
    ['is the proxy where it says nothing', '10.0.0.4', undefined, ['10.0.0.4'], '10.0.0.4'],
    ['is the proxy where it says nonsense', '10.0.0.4', 'unknown', ['10.0.0.4'], '10.0.0.4'],
    ['knows IPv4 in IPv6', '::ffff:10.0.0.4', '1.2.3.4', ['10.0.0.4'], '1.2.3.4'],
    ['knows IPv6', 'fd00::1', '2001:db8::7', ['fd00::/8'], '2001:db8::7'],
  ])('%s', (_what, connected, forwarded, proxies, from) => {
    expect(behindProxies(connected, forwarded, proxies)).toBe(from);
  });
});
