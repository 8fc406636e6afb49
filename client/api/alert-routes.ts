import type { z } from '@hono/zod-openapi';
import type { ReceivedAlert } from '../../adapters/store/alerts.ts';
import { may, refusalOf } from '../../domain/access.ts';
import { defaultEnvironment, type ProductKey, productName } from '../../domain/identity.ts';
import { guarded } from './access/guarded.ts';
import { type App, type AppOptions, problems } from './app-types.ts';
import { alertmanagerMessage, alertsReceived } from './schemas.ts';

type Alert = z.infer<typeof alertmanagerMessage>['alerts'][number];

/** Alerts of Prometheus' Alertmanager, and of Grafana, which sends the same. */
export function addAlertRoutes(app: App, { store, catalog }: AppOptions): void {
  const receive = guarded('report', {
    method: 'post',
    path: '/v1/alerts/alertmanager',
    request: { body: { required: true, content: { 'application/json': { schema: alertmanagerMessage } } } },
    responses: {
      200: {
        description: 'Taken; alerts that say nothing of a product of ours are named',
        content: { 'application/json': { schema: alertsReceived } },
      },
      ...problems,
    },
  });
  app.openapi(receive, async (context) => {
    const ignored: string[] = [];
    let received = 0;
    const { principal } = context.get('caller');
    for (const alert of context.req.valid('json').alerts) {
      const key = keyOf(alert);
      const problem =
        key === null
          ? 'it has no label product'
          : may(principal, 'report', key.product)
            ? await problemOf(key, alert)
            : refusalOf(principal, 'report', key.product);
      if (key === null || problem !== null) {
        ignored.push(`${nameOf(alert)}: ${problem}`);
        continue;
      }
      await store.alerts.receive(key, [receivedOf(alert)], Date.now());
      received += 1;
    }
    return context.json({ received, ignored }, 200);
  });

  /** A refusal would only be repeated: an alert that cannot be placed is named in the answer. */
  async function problemOf(key: ProductKey, { labels }: Alert): Promise<string | null> {
    const setup = await catalog.setup(key).catch(() => null);
    if (setup === null) return `there is no product ${productName(key)}`;
    const { service } = labels;
    if (service === undefined || setup.services.some((entry) => entry.service === service)) return null;
    const known = setup.services.map((entry) => entry.service).join(', ');
    return `product ${key.product} has no service ${service}; configured: ${known}`;
  }
}

function keyOf({ labels }: Alert): ProductKey | null {
  const { product, environment = defaultEnvironment } = labels;
  return product === undefined ? null : { product, environment };
}

function nameOf({ labels }: Alert): string {
  return labels.alertname ?? 'an alert without a name';
}

function receivedOf(alert: Alert): ReceivedAlert {
  const { labels, annotations, status, startsAt, fingerprint } = alert;
  const words = annotations.summary ?? annotations.description ?? annotations.message ?? '';
  return {
    fingerprint:
      fingerprint ?? JSON.stringify(Object.entries(labels).toSorted(([a], [b]) => a.localeCompare(b))),
    service: labels.service ?? null,
    name: nameOf(alert),
    summary: words.slice(0, 500),
    sinceMs: Date.parse(startsAt),
    firing: status === 'firing',
  };
}
