import { log } from './log.js';

/** Says that memory runs short, and ends the process at its limit as a container's would. */
export function guardMemory(limitMb) {
  setInterval(() => {
    const residentMb = Math.round(process.memoryUsage.rss() / 1_048_576);
    if (residentMb <= limitMb * 0.85) return;
    log('warn', `${residentMb} of ${limitMb} MB memory used`);
    if (residentMb > limitMb) process.exit(137);
  }, 1_000).unref();
}
