import type { Beside } from '../adapters/deploy-target/deploy-target.ts';
import type { StepResult } from '../domain/rollback.ts';
import { actInTime, compareThen, type StepInput } from './compare-then.ts';
import type { Dependencies } from './dependencies.ts';
import { serviceSetup } from './service-setup.ts';

/** The steps of the way called `shift`, for targets that can run two releases. */
export function createBesideActivities({ catalog }: Dependencies) {
  return {
    /** Starts the old release beside the bad one, which goes on serving. */
    async startBeside(input: StepInput): Promise<StepResult> {
      const { service, to } = input.move;
      return compareThen(catalog, input, async (step) => {
        await (await besideOf(input)).start(service, to, step);
        return `${to} of ${service} was started beside ${input.move.from}`;
      });
    },

    /** Makes the old release the configured one and ends the bad one; traffic has moved. */
    async settleBeside(input: StepInput): Promise<StepResult> {
      const { service, to } = input.move;
      return compareThen(catalog, input, async (step) => {
        await (await besideOf(input)).settle(service, to, step);
        return `only ${to} of ${service} runs`;
      });
    },

    /** Ends what was started beside, whoever is live meanwhile: it is ours, and traffic never reached it. */
    async giveUpBeside(input: StepInput): Promise<string> {
      const { service, to } = input.move;
      return actInTime(input, async (step) => {
        await (await besideOf(input)).giveUp(service, to, step);
        return `${to} of ${service} was ended again`;
      });
    },
  };

  async function besideOf({ key, move }: StepInput): Promise<Beside> {
    const { target } = serviceSetup(await catalog.setup(key), move.service);
    if (target.beside === undefined)
      throw new Error(`the deploy target of ${move.service} cannot run two releases at once`);
    return target.beside;
  }
}
