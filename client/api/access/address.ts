import { BlockList, isIP } from 'node:net';
import { getConnInfo } from '@hono/node-server/conninfo';
import type { Context, MiddlewareHandler } from 'hono';
import type { ApiEnv } from './caller.ts';

/** Notes where each request comes from, for the audit trail and for slowing down whoever guesses. */
export function noteAddress(trusted: () => Promise<readonly string[]>): MiddlewareHandler<ApiEnv> {
  return async (context, next) => {
    const connected = connectedFrom(context);
    const proxies = await trusted().catch(() => []);
    context.set('from', behindProxies(connected, context.req.header('x-forwarded-for'), proxies));
    await next();
  };
}

export function addressOf(context: Context<ApiEnv>): string {
  return context.get('from') ?? connectedFrom(context);
}

/**
 * The nearest address that is none of our own proxies: what they say of whoever came to them is believed, what came before that
 * anybody can write.
 * @param forwarded the header `x-forwarded-for`
 * @param proxies addresses and ranges: `10.0.0.4`, `10.0.0.0/8`
 */
export function behindProxies(
  connected: string,
  forwarded: string | undefined,
  proxies: readonly string[],
): string {
  if (proxies.length === 0) return connected;
  const ours = rangesOf(proxies);
  const hops = [...(forwarded ?? '').split(',').map((hop) => hop.trim()), connected];
  for (const hop of hops.toReversed()) {
    if (isIP(plain(hop)) === 0) break;
    if (!isWithin(ours, plain(hop))) return hop;
  }
  return connected;
}

function rangesOf(proxies: readonly string[]): BlockList {
  const ranges = new BlockList();
  for (const written of proxies) {
    const [address = '', bits] = written.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) ranges.addAddress(address, family);
    else ranges.addSubnet(address, Number(bits), family);
  }
  return ranges;
}

function isWithin(ranges: BlockList, address: string): boolean {
  return ranges.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

/** A socket that serves both families writes IPv4 as `::ffff:10.0.0.4`. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '');
}

function connectedFrom(context: Context): string {
  try {
    return getConnInfo(context).remote.address ?? 'unknown';
  } catch {
    return 'unknown';
  }
}
