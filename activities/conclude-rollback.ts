import type { Conclusion } from '../adapters/store/deployments.ts';
import type { Incident } from '../domain/incident.ts';
import type { ReleaseStanding } from '../domain/last-known-good.ts';
import type { Dependencies } from './dependencies.ts';
import { saveIncident } from './save-incident.ts';

export interface ConcludeInput {
  readonly conclusion: Omit<Conclusion, 'atMs'>;
  readonly standings: readonly Omit<ReleaseStanding, 'atMs'>[];
  readonly incident: Incident;
}

export function createConcludeActivities({ store, clock }: Dependencies) {
  return {
    /** Writes the end of a rollback: standings of the releases, the incident, and in one transaction row and deployments. */
    async concludeRollback(input: ConcludeInput): Promise<{ released: string | null }> {
      const atMs = await clock.now();
      for (const standing of input.standings)
        await store.releases.set(input.conclusion.key, { ...standing, atMs });
      await saveIncident(store, input.incident);
      return store.deployments.concludeRollback({ ...input.conclusion, atMs });
    },
  };
}
