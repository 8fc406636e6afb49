import { setGlobalDispatcher } from 'undici';
import { createGuardedAgent } from '../../adapters/http/guarded-agent.ts';

const agent = createGuardedAgent();

/** Every address of the configuration is asked through the guard from now on; at the beginning of each command that asks one. */
export function guardRequests(): void {
  setGlobalDispatcher(agent);
}
