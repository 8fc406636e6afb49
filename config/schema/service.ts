import type { z } from 'zod';
import { compatibility } from './compatibility.ts';
import { deployTarget } from './deploy-targets.ts';
import { changeSource, logSource } from './evidence.ts';
import { duration, flag, mapping, second, section, text } from './fields.ts';
import { metricsSource } from './metrics-sources.ts';
import { trafficControl } from './traffic-controls.ts';

export const serviceSettings = mapping({
  enabled: flag('false: left out, its references need not resolve', true).optional(),
  deploy_target: deployTarget,
  metrics: metricsSource.optional(),
  health: section('The health check of an instance.', {
    path: text('Appended to the URL of an instance; default /healthz', 'a path').optional(),
    timeout_seconds: duration('seconds', 'For one check', 2 * second).optional(),
  }),
  traffic: trafficControl.optional(),
  compatibility: compatibility.optional(),
  logs: logSource.optional(),
  changes: changeSource.optional(),
});

export type ServiceSettings = z.infer<typeof serviceSettings>;
