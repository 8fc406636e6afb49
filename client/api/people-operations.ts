import { WorkflowNotFoundError } from '@temporalio/client';
import type { ProductSetup } from '../../activities/dependencies.ts';
import { ofProduct } from '../../adapters/store/deployments.ts';
import { releaseOf } from '../../domain/deployment.ts';
import { type ProductKey, postMortemWorkflowId } from '../../domain/identity.ts';
import type { Incident } from '../../domain/incident.ts';
import type { ReleaseStanding } from '../../domain/last-known-good.ts';
import { type Pause, resumed } from '../../domain/product-row.ts';
import { floorWarning, withFloor } from '../../domain/rollback-floor.ts';
import { type Answer, reviewUpdate } from '../../workflows/messages.ts';
import { ApiError } from './api-error.ts';
import { knownService, type Lookup } from './lookup.ts';
import type { OperationsOptions } from './operations.ts';

/** What people decide about products, releases and incidents. */
export function createPeopleOperations(
  { client, store }: OperationsOptions,
  { setupOf, noteForPeople }: Lookup,
) {
  return {
    async pause(key: ProductKey, pause: Pause): Promise<void> {
      await setupOf(key);
      await store.products.change(key, (row) => ({ ...row, pause }));
      const until =
        pause.untilMs === null ? 'until resumed' : `until ${new Date(pause.untilMs).toISOString()}`;
      await noteForPeople(key, `Automatic rollback paused by ${pause.by} ${until}: ${pause.reason}`);
    },

    async resume(key: ProductKey, by: string): Promise<void> {
      await setupOf(key);
      await store.products.change(key, resumed);
      await noteForPeople(key, `Automatic rollback resumed by ${by}`);
    },

    async setStanding(
      key: ProductKey,
      standing: Omit<ReleaseStanding, 'atMs' | 'service'>,
      service: string | null,
    ): Promise<void> {
      const services = servicesMeant(await setupOf(key), service);
      for (const name of services)
        await store.releases.set(key, { ...standing, service: name, atMs: Date.now() });
      const word = standing.standing === 'good' ? 'good' : 'bad (quarantined)';
      await noteForPeople(
        key,
        `${standing.release} declared ${word} by ${standing.author}: ${standing.reason}`,
      );
    },

    /** @returns what the person should know */
    async setFloor(
      key: ProductKey,
      { release, by, reason }: { release: string | null; by: string; reason: string },
      service: string | null,
    ): Promise<string[]> {
      const services = servicesMeant(await setupOf(key), service);
      const floor = release === null ? null : { release, by, reason, atMs: Date.now() };
      await store.products.change(key, (row) => ({
        ...row,
        floors: services.reduce((floors, name) => withFloor(floors, name, floor), row.floors ?? {}),
      }));
      const what = release === null ? 'lifted' : `set to ${release}`;
      await noteForPeople(key, `Rollback floor of ${services.join(', ')} ${what} by ${by}: ${reason}`);
      if (release === null) return [];
      const history = await store.deployments.list(ofProduct(key, 200));
      return services
        .map((name) =>
          floorWarning(
            name,
            release,
            history.map((deployment) => releaseOf(deployment, name)),
          ),
        )
        .filter((warning) => warning !== null);
    },

    async review(incident: string, review: { by: string; verdict: string; note: string }): Promise<Answer> {
      const known = await store.incidents.read(incident);
      if (known === null) throw new ApiError(404, `incident ${incident} is not known`);
      const handle = client.workflow.getHandle(postMortemWorkflowId(incident));
      try {
        return await handle.executeUpdate(reviewUpdate, { args: [review] });
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
        // Its workflow has ended with an earlier review, or has gone with Temporal's retention: the store keeps incidents longer.
        return reviewInStore(incident, { ...review, atMs: Date.now() });
      }
    },
  };

  async function reviewInStore(id: string, review: NonNullable<Incident['review']>): Promise<Answer> {
    let earlier: Incident['review'] = null;
    await store.incidents.change(id, (found) => {
      earlier = found.review;
      return earlier === null ? { ...found, status: 'reviewed', review } : found;
    });
    if (earlier === null) return { accepted: true, reason: 'review recorded' };
    return { accepted: false, reason: `reviewed already by ${(earlier as typeof review).by}` };
  }
}

function servicesMeant(setup: ProductSetup, service: string | null): string[] {
  return service === null
    ? setup.services.map((entry) => entry.service)
    : [knownService(setup, service).service];
}
