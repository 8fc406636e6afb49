import { createBeginRollbackActivities } from './begin-rollback.ts';
import { createBesideActivities } from './beside.ts';
import { createReadinessActivities } from './check-readiness.ts';
import { createConcludeActivities } from './conclude-rollback.ts';
import type { Dependencies } from './dependencies.ts';
import { createEvidenceActivities } from './evidence.ts';
import { createMonitorActivities } from './monitor.ts';
import { createPostMortemActivities } from './post-mortem.ts';
import { createTargetActivities } from './target.ts';
import { createTellActivities } from './tell.ts';
import { createTrafficActivities } from './traffic.ts';
import { createVerifyActivities } from './verify.ts';
import { createWatchActivities } from './watch.ts';

/** Activities that need the store and people: they run on the central control queue. */
export function createControlActivities(dependencies: Dependencies) {
  return {
    ...createMonitorActivities(dependencies),
    ...createBeginRollbackActivities(dependencies),
    ...createConcludeActivities(dependencies),
    ...createPostMortemActivities(dependencies),
    ...createTellActivities(dependencies),
  };
}

/** Activities that touch targets and traffic: they run where the hosts can be reached. */
export function createReachActivities(dependencies: Dependencies) {
  return {
    ...createTargetActivities(dependencies),
    ...createBesideActivities(dependencies),
    ...createTrafficActivities(dependencies),
    ...createVerifyActivities(dependencies),
    ...createEvidenceActivities(dependencies),
    ...createReadinessActivities(dependencies),
  };
}

/** The watch alone: many short checks, on their own queue. */
export function createCheckActivities(dependencies: Dependencies) {
  return createWatchActivities(dependencies);
}

/** Every activity that workflows call. */
export type Activities = ReturnType<typeof createControlActivities> &
  ReturnType<typeof createReachActivities> &
  ReturnType<typeof createCheckActivities>;
