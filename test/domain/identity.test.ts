import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { releaseNames, releaseOf } from '../../domain/deployment.ts';
import {
  identifierPattern,
  identifierProblem,
  monitorWorkflowId,
  postMortemWorkflowId,
  productName,
  rollbackWorkflowId,
} from '../../domain/identity.ts';
import { controlQueue, watchQueue } from '../../domain/queues.ts';
import { incidentId } from '../../domain/rollback.ts';

const key = { product: 'shop', environment: 'staging', deployment: 'deploy-1' };

describe('an identifier', () => {
  it.each(['a', '0', 'v2.4.0', 'my_shop-1', 'x'.repeat(63)])('%s is fine', (value) => {
    expect(identifierProblem('product', value)).toBeNull();
  });

  it.each(['', 'Shop', '-a', '.a', '_a', 'a/b', 'a b', 'é', 'a\n', 'x'.repeat(64)])(
    '%j is refused, with the reason',
    (value) => {
      expect(identifierProblem('product', value)).toBe(
        `product ${JSON.stringify(value)} is not a valid identifier: it must start with a lower-case letter or a digit ` +
          'and contain only lower-case letters, digits, ".", "_" and "-", at most 63 characters',
      );
    },
  );
});

describe('workflow ids', () => {
  it('name what they are for', () => {
    expect(monitorWorkflowId(key)).toBe('monitor/shop/staging/deploy-1');
    expect(rollbackWorkflowId(key)).toBe('rollback/shop/staging');
    expect(postMortemWorkflowId('inc-1')).toBe('post-mortem/inc-1');
  });

  it('tell apart whatever is different', () => {
    const part = fc.stringMatching(identifierPattern);
    fc.assert(
      fc.property(fc.tuple(part, part, part), fc.tuple(part, part, part), (a, b) => {
        const id = ([product, environment, deployment]: typeof a) =>
          monitorWorkflowId({ product, environment, deployment });
        expect(id(a) === id(b)).toBe(a.join('/') === b.join('/'));
      }),
      { seed: 1 },
    );
  });

  it('wait in two queues', () => {
    expect(new Set([controlQueue, watchQueue]).size).toBe(2);
  });
});

describe('an incident’s id', () => {
  it('is readable and ends with the run’s random end', () => {
    const run = '019a0c1e-7d2b-7c3a-9f10-0123456789ab';
    expect(incidentId('shop', '2026-01-26T10:12:30Z', run)).toBe('inc-2026-01-26-shop-23456789ab');
  });

  it('is itself an identifier, whatever the product is called', () => {
    fc.assert(
      fc.property(fc.stringMatching(identifierPattern), fc.uuid(), (product, run) => {
        expect(identifierProblem('incident', incidentId(product, '2026-01-26T10:12:30Z', run))).toBeNull();
      }),
      { seed: 1 },
    );
  });
});

describe('names in sentences', () => {
  it('mention the environment outside production', () => {
    expect(productName(key)).toBe('shop (staging)');
    expect(productName({ ...key, environment: 'production' })).toBe('shop');
  });

  it('mention the service where there are several', () => {
    const web = { service: 'web', release: 'v2.5.0' };
    const worker = { service: 'worker', release: 'v1.2.0' };
    expect(releaseNames([web])).toBe('v2.5.0');
    expect(releaseNames([web, worker])).toBe('web v2.5.0, worker v1.2.0');
    expect(releaseNames([])).toBe('');
    expect(releaseOf({ services: [web, worker] }, 'worker')).toBe('v1.2.0');
    expect(releaseOf({ services: [web] }, 'worker')).toBeNull();
  });
});
