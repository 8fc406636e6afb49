import { createProxyTraffic } from '../../adapters/traffic/proxy.ts';
import type { TrafficControl } from '../../adapters/traffic/traffic-control.ts';
import type { TrafficSettings } from '../../config/schema/traffic-controls.ts';
import type { Written } from './written.ts';

export function trafficOf(settings: TrafficSettings, written: Written): TrafficControl {
  switch (settings.kind) {
    case 'proxy':
      return createProxyTraffic({
        controlUrl: written.text(settings.control_url),
        tokenFile: written.path(settings.token_file),
      });
  }
}
