import { createAwsAlbTraffic } from '../../adapters/traffic/aws-alb.ts';
import { createHaproxyTraffic } from '../../adapters/traffic/haproxy.ts';
import { createKubernetesGatewayTraffic } from '../../adapters/traffic/kubernetes-gateway.ts';
import { createKubernetesServiceTraffic } from '../../adapters/traffic/kubernetes-service.ts';
import { createNginxTraffic } from '../../adapters/traffic/nginx.ts';
import { createProxyTraffic } from '../../adapters/traffic/proxy.ts';
import type { TrafficControl } from '../../adapters/traffic/traffic-control.ts';
import type { TrafficSettings } from '../../config/schema/traffic-controls.ts';
import { clusterOf } from './cluster.ts';
import { ms, text, texts, type Written } from './written.ts';

type HaproxySettings = Extract<TrafficSettings, { readonly kind: 'haproxy' }>;
type NginxSettings = Extract<TrafficSettings, { readonly kind: 'nginx' }>;

export function trafficOf(settings: TrafficSettings, written: Written): TrafficControl {
  switch (settings.kind) {
    case 'proxy':
      return createProxyTraffic({
        controlUrl: written.text(settings.control_url),
        tokenFile: written.path(settings.token_file),
      });
    case 'haproxy':
      return haproxyOf(settings, written);
    case 'nginx':
      return nginxOf(settings, written);
    case 'aws-alb':
      return createAwsAlbTraffic({
        rule: written.text(settings.rule),
        targetGroups: settings.target_groups.map(written.text),
        url: text(settings.url, written),
        inForceWithinMs: ms(settings.in_force_within_seconds),
        timeoutMs: ms(settings.timeout_seconds),
      });
    case 'kubernetes-service':
      return createKubernetesServiceTraffic({
        ...clusterOf(settings, written),
        namespace: written.text(settings.namespace),
        service: written.text(settings.service),
        maintenance: settings.maintenance === undefined ? undefined : texts(settings.maintenance, written),
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

function haproxyOf(settings: HaproxySettings, written: Written): TrafficControl {
  const { map_file: mapFile, server_state_file: stateFile } = settings;
  return createHaproxyTraffic({
    sockets: settings.sockets.map(written.text).map((at) => (at.includes('/') ? written.path(at) : at)),
    backend: written.text(settings.backend),
    map: written.text(settings.map),
    files: {
      mapFile: mapFile === undefined ? undefined : written.path(mapFile),
      serverStateFile: stateFile === undefined ? undefined : written.path(stateFile),
    },
    drainMs: ms(settings.drain_seconds),
    upWithinMs: ms(settings.up_within_seconds),
    timeoutMs: ms(settings.timeout_seconds),
  });
}

function nginxOf(settings: NginxSettings, written: Written): TrafficControl {
  return createNginxTraffic({
    file: written.path(settings.file),
    upstream: written.text(settings.upstream),
    stateUrl: written.text(settings.state_url),
    pidFile: settings.pid_file === undefined ? undefined : written.path(settings.pid_file),
    cwd: written.path('.'),
    testCommand: settings.test_command?.map(written.text),
    reloadCommand: settings.reload_command?.map(written.text),
    drainMs: ms(settings.drain_seconds),
    timeoutMs: ms(settings.timeout_seconds),
  });
}

/**
 * How long one switch may take, milliseconds: whatever a control waits for by its settings, twice where it waits before and after, and
 * the time of its own calls. `undefined`: as long as any.
 */
export function switchMsOf(settings: TrafficSettings): number | undefined {
  switch (settings.kind) {
    case 'haproxy':
      return callsMs + (ms(settings.drain_seconds) ?? 10_000) + (ms(settings.up_within_seconds) ?? 30_000);
    case 'nginx':
      return 3 * callsMs + (ms(settings.drain_seconds) ?? 10_000);
    case 'aws-alb':
      return callsMs + 2 * (ms(settings.in_force_within_seconds) ?? 120_000);
    case 'kubernetes-service':
      return callsMs + (ms(settings.in_force_within_seconds) ?? 10_000);
    case 'kubernetes-gateway':
      return callsMs + (ms(settings.in_force_within_seconds) ?? 30_000);
    case 'proxy':
      return undefined;
  }
}

const callsMs = 10_000;
