import type { PayloadCodec } from '@temporalio/common';
import type { ActivityInboundCallsInterceptor } from '@temporalio/worker';
import type { ProductSetup, ServiceSetup } from '../activities/dependencies.ts';
import type { ChangeSource } from '../adapters/changes/change-source.ts';
import type { IssueTracker } from '../adapters/issues/issue-tracker.ts';
import type { LogSource } from '../adapters/logs/log-source.ts';
import type { Notifier } from '../adapters/notify/notifier.ts';
import type { Redactor } from '../domain/redaction.ts';

/** Everything that goes into a history passes through here: no argument, result, detail or memo carries a secret. */
export function redactingCodec(redactor: Redactor): PayloadCodec {
  return {
    encode: async (payloads) =>
      payloads.map((payload) => {
        if (!(payload.data instanceof Uint8Array) || payload.data.length === 0) return payload;
        const text = Buffer.from(payload.data).toString('utf8');
        const redacted = redactedJson(text, redactor);
        return redacted === text ? payload : { ...payload, data: Buffer.from(redacted) };
      }),
    decode: async (payloads) => payloads,
  };
}

/** Text by text where it is JSON, so that what is left is JSON, too. */
function redactedJson(text: string, redactor: Redactor): string {
  if (redactor.text(text) === text) return text;
  try {
    return JSON.stringify(redactor.deep(JSON.parse(text)));
  } catch {
    return redactor.values(text);
  }
}

/** An activity's error ends in the history as its message and stack, and those quote what was found. */
export function redactingErrors(redactor: Redactor): () => { inbound: ActivityInboundCallsInterceptor } {
  return () => ({
    inbound: {
      async execute(input, next) {
        try {
          return await next(input);
        } catch (error) {
          redactError(error, redactor);
          throw error;
        }
      },
    },
  });
}

function redactError(error: unknown, redactor: Redactor): void {
  if (!(error instanceof Error)) return;
  error.message = redactor.text(error.message);
  if (error.stack !== undefined) error.stack = redactor.text(error.stack);
  redactError(error.cause, redactor);
}

/** What leaves a product's setup for people, and what comes in from its services, holds no secret. */
export function redactedSetup(setup: ProductSetup, redactor: Redactor): ProductSetup {
  return {
    ...setup,
    services: setup.services.map((service) => redactedService(service, redactor)),
    notifiers: (whom) => setup.notifiers(whom).map((notifier) => redactedNotifier(notifier, redactor)),
    issues: setup.issues === null ? null : redactedIssues(setup.issues, redactor),
    incidentsFolder: redactedIssues(setup.incidentsFolder, redactor),
    assigneesFor(cause) {
      const { webhook, ...assigned } = setup.assigneesFor(cause);
      return {
        ...assigned,
        webhook: webhook === undefined ? undefined : redactedNotifier(webhook, redactor),
      };
    },
  };
}

function redactedService(service: ServiceSetup, redactor: Redactor): ServiceSetup {
  const { logs, changes } = service;
  return {
    ...service,
    logs: logs === null ? null : redactedLogs(logs, redactor),
    changes: changes === null ? null : redactedChanges(changes, redactor),
  };
}

function redactedNotifier(notifier: Notifier, redactor: Redactor): Notifier {
  return {
    name: notifier.name,
    send: (message, signal) => notifier.send(redactor.deep(message), signal),
  };
}

function redactedIssues(issues: IssueTracker, redactor: Redactor): IssueTracker {
  return { name: issues.name, open: (issue, signal) => issues.open(redactor.deep(issue), signal) };
}

function redactedLogs(logs: LogSource, redactor: Redactor): LogSource {
  return { excerpt: async (request) => redactor.deep(await logs.excerpt(request)) };
}

function redactedChanges(changes: ChangeSource, redactor: Redactor): ChangeSource {
  return { between: async (request) => redactor.deep(await changes.between(request)) };
}
