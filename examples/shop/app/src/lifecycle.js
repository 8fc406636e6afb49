import { EventEmitter } from 'node:events';
import { log } from './log.js';

/** `stopping`: the process was told to end. */
export const lifecycle = new EventEmitter();

export function stopOnSignal() {
  process.once('SIGTERM', () => {
    log('info', 'shop stops');
    lifecycle.emit('stopping');
    setTimeout(() => process.exit(0), 2_000).unref();
  });
}
