import { createKubernetesGatewayTraffic } from '../../adapters/traffic/kubernetes-gateway.ts';
import { createKubernetesServiceTraffic } from '../../adapters/traffic/kubernetes-service.ts';
import { createProxyTraffic } from '../../adapters/traffic/proxy.ts';
import type { TrafficControl } from '../../adapters/traffic/traffic-control.ts';
import type { TrafficSettings } from '../../config/schema/traffic-controls.ts';
import { clusterOf } from './cluster.ts';
import { ms, text, type Written } from './written.ts';

export function trafficOf(settings: TrafficSettings, written: Written): TrafficControl {
  switch (settings.kind) {
    case 'proxy':
      return createProxyTraffic({
        controlUrl: written.text(settings.control_url),
        tokenFile: written.path(settings.token_file),
      });
    case 'kubernetes-service':
      return createKubernetesServiceTraffic({
        ...clusterOf(settings, written),
        namespace: written.text(settings.namespace),
        service: written.text(settings.service),
        maintenance: labelsOf(settings.maintenance, written),
        releaseLabel: text(settings.release_label, written),
        inForceWithinMs: ms(settings.in_force_within_seconds),
        timeoutMs: ms(settings.timeout_seconds),
      });
    case 'kubernetes-gateway':
      return createKubernetesGatewayTraffic({
        ...clusterOf(settings, written),
        namespace: written.text(settings.namespace),
        route: written.text(settings.route),
        maintenance: written.text(settings.maintenance),
        inForceWithinMs: ms(settings.in_force_within_seconds),
        timeoutMs: ms(settings.timeout_seconds),
      });
  }
}

function labelsOf(labels: Readonly<Record<string, string>> | undefined, written: Written) {
  if (labels === undefined) return undefined;
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, written.text(value)]));
}
