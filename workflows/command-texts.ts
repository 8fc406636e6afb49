import type { ProductKey } from '../domain/identity.ts';
import type { Message } from '../domain/message.ts';

/** A command about a product, as somebody types it who reads of it. */
export function commandFor({ product, environment }: ProductKey, verb: string, why = false): string {
  const elsewhere = environment === 'production' ? '' : ` --environment ${environment}`;
  return `orchestrator ${verb} ${product}${why ? ' "why"' : ''}${elsewhere}`;
}

export function rollBackAllTheSame(key: ProductKey): Message['commands'][number] {
  return { label: 'Roll back all the same', command: commandFor(key, 'rollback', true) };
}

/** Where a breach is not acted on: past what holds it back, or without that from now on. */
export function whereHeldBack(key: ProductKey): Message['commands'] {
  return [
    rollBackAllTheSame(key),
    { label: 'Let it act by itself again', command: commandFor(key, 'resume') },
  ];
}
