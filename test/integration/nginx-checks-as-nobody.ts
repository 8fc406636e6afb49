import { createNginxTraffic, type NginxOptions } from '../../adapters/traffic/nginx.ts';

/** A worker that runs as another user than nginx; as root it becomes one. Everything is loaded before. */
const [options = ''] = process.argv.slice(2);
const traffic = createNginxTraffic(JSON.parse(options) as NginxOptions);
if (process.getuid?.() === 0) {
  process.setgroups?.([]);
  process.setgid?.(65_534);
  process.setuid?.(65_534);
}
const checks = await traffic.checks?.('api', AbortSignal.timeout(20_000));
process.stdout.write(JSON.stringify(checks));
