import type { ProductKey } from '../domain/identity.ts';
import { type LiveService, unexpectedRelease } from '../domain/live.ts';
import type { Move } from '../domain/rollback.ts';
import type { Catalog } from './dependencies.ts';
import { probesOf } from './look-at.ts';
import { serviceSetup } from './service-setup.ts';
import { messageOf } from './within.ts';

/** A service, the release that shall be healthy, and who else may run beside it. */
export type HealthQuestion = Pick<Move, 'service' | 'to'> &
  Partial<Pick<Move, 'from' | 'replaceable' | 'way'>>;

/** Why a service does not run its release in health, or `null` when it does. */
export async function healthOf(
  catalog: Catalog,
  key: ProductKey,
  move: HealthQuestion,
  signal: AbortSignal,
): Promise<string | null> {
  const { service, to } = move;
  try {
    const reach = serviceSetup(await catalog.setup(key), service);
    const live = await reach.target.live(service, signal);
    const stranger = unexpectedRelease(live, [to, ...besides(move)]);
    if (stranger !== null) return `${service}: ${stranger}`;
    if (live.rollingOut === true) return `${service}: is still being rolled out`;
    const probes = await probesOf(reach, ofMove(live, move), signal);
    const sick = probes.filter((entry) => !entry.healthy);
    return sick.length === 0
      ? null
      : `${service}: ${sick.map((entry) => `${entry.instance} ${entry.detail}`).join(', ')}`;
  } catch (error) {
    return `${service}: ${messageOf(error)}`;
  }
}

/** On the way called `shift` the bad release still serves: it says nothing of the one that was started beside it. */
export function ofMove(live: LiveService, move: HealthQuestion): LiveService {
  if (move.way !== 'shift') return live;
  return { ...live, instances: live.instances.filter(({ release }) => release === move.to) };
}

function besides({ way, from, replaceable = [] }: HealthQuestion): string[] {
  return way === 'shift' && from !== undefined ? [from, ...replaceable] : [];
}
