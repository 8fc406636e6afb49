import { ApplicationFailure, Context } from '@temporalio/activity';
import { type BreachSeries, beforeBreachMs, breachSeries } from '../domain/breach-series.ts';
import { atServer, calledBack, type Message, pageLinks, timelineLinks } from '../domain/message.ts';
import type { Dependencies } from './dependencies.ts';
import { messageOf, within } from './within.ts';

export interface Told {
  readonly sent: readonly string[];
}

export interface StoryOf {
  readonly workflowId: string;
  readonly runId: string;
}

export function createTellActivities({ store, catalog, clock, temporalUi, temporalServer }: Dependencies) {
  return {
    /**
     * Sends a message over every channel meant, each once per key. One failing channel never blocks another; the activity
     * fails when a channel failed, so that Temporal tries that channel again.
     * @param whom `owner`, `everyone`, `followers` or a channel's name
     * @param of the workflow whose message it is, where another one sends it
     */
    async tell(written: Message, whom: string, of?: StoryOf): Promise<Told> {
      const setup = await catalog.setup(written);
      const message = {
        ...written,
        series: await seriesOf(written),
        links: [...pageLinks(setup.pageUrl ?? null, written), ...written.links, ...story(of)],
        commands: written.commands.map((entry) => ({
          ...entry,
          command: atServer(entry.command, temporalServer),
        })),
      };
      const channels = setup.notifiers(whom);
      if (calledBack(whom) !== null && channels.length === 0)
        throw ApplicationFailure.nonRetryable(`no webhook ${calledBack(whom)} is configured any more`);
      const signal = Context.current().cancellationSignal;
      const results = await Promise.allSettled(
        channels.map(async (channel) => {
          if (await knownSent(message.key, channel.name)) return channel.name;
          await channel.send(message, signal);
          const atMs = await clock.now();
          // The store being down must not keep people from being told; the price is a repeat.
          await within(2_000, 'the store', () =>
            store.notices.markSent(message.key, channel.name, atMs),
          ).catch(() => undefined);
          return channel.name;
        }),
      );
      const failed = results.filter((result) => result.status === 'rejected');
      if (failed.length > 0) {
        const reasons = failed.map((result) => messageOf(result.reason)).join('; ');
        throw ApplicationFailure.retryable(
          `${failed.length} of ${channels.length} channels failed: ${reasons}`,
          'ChannelFailed',
        );
      }
      return { sent: results.map((result) => (result.status === 'fulfilled' ? result.value : '')) };
    },
  };

  /** The picture of the breach, from the samples of its deployment. Best effort: no message waits long for it, or fails by it. */
  async function seriesOf({ product, environment, about, atMs }: Message): Promise<BreachSeries | null> {
    const breach = about?.breach ?? null;
    if (about === undefined || breach === null) return null;
    const key = { product, environment, deployment: about.deployment };
    const range = { sinceMs: Math.min(breach.sinceMs, atMs) - beforeBreachMs, untilMs: atMs };
    const ticks = await within(2_000, 'the store', () => store.watches.samples(key, range)).catch(() => []);
    const measured = ticks.filter(({ kind }) => kind === 'sample');
    return breachSeries(
      breach,
      measured.map(({ service, sample }) => ({ ...sample, service })),
    );
  }

  /** Every message leads to the story of the workflow that sends it. */
  function story(of?: StoryOf): Message['links'] {
    const execution = of ?? Context.current().info.workflowExecution;
    return execution === undefined ? [] : timelineLinks(temporalUi, execution.workflowId, execution.runId);
  }

  async function knownSent(key: string, channel: string): Promise<boolean> {
    return within(2_000, 'the store', () => store.notices.wasSent(key, channel)).catch(() => false);
  }
}
