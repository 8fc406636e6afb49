import { describe, expect, it } from 'vitest';
import {
  claimsMatch,
  grantsOfClaims,
  grantText,
  may,
  type Principal,
  productsOf,
  refusalOf,
  roles,
} from '../../domain/access.ts';

const holder = (...grants: Principal['grants']): Principal => ({ name: 'Ada', kind: 'person', grants });

describe('what a role may do', () => {
  it('grows from role to role', () => {
    const counts = roles.map(
      (role) =>
        (['read', 'report', 'act', 'vouch', 'administer'] as const).filter((permission) =>
          may(holder({ role, product: null }), permission, 'shop'),
        ).length,
    );
    expect(counts).toEqual([1, 2, 3, 4, 5]);
  });

  it('is for its product only, and without one for every', () => {
    const operator = holder({ role: 'operator', product: 'shop' });
    expect(may(operator, 'act', 'shop')).toBe(true);
    expect(may(operator, 'act', 'billing')).toBe(false);
    expect(may(operator, 'act', null)).toBe(false);
    expect(may(holder({ role: 'operator', product: null }), 'act', 'billing')).toBe(true);
  });

  it('adds up over grants', () => {
    const both = holder({ role: 'viewer', product: null }, { role: 'owner', product: 'shop' });
    expect([may(both, 'read', 'billing'), may(both, 'vouch', 'shop'), may(both, 'vouch', 'billing')]).toEqual(
      [true, true, false],
    );
    expect(productsOf(both, 'read')).toBeNull();
    expect(productsOf(both, 'vouch')).toEqual(['shop']);
    expect(productsOf(holder(), 'read')).toEqual([]);
  });

  it('is refused with who, what they have and what it needs', () => {
    expect(refusalOf(holder({ role: 'pipeline', product: 'shop' }), 'act', 'shop')).toBe(
      'Ada has pipeline of shop; this needs one of the roles operator, owner, admin for shop',
    );
    expect(refusalOf(holder(), 'administer', null)).toBe(
      'Ada has no role; this needs one of the roles admin for every product',
    );
    expect(grantText({ role: 'viewer', product: null })).toBe('viewer');
  });
});

describe('claims of an identity token', () => {
  it('give the role of a group, of each that is there', () => {
    const rules = [
      { claim: 'groups', value: 'sre', role: 'operator' as const, product: null },
      { claim: 'groups', value: 'shop', role: 'owner' as const, product: 'shop' },
      { claim: 'email_verified', value: 'true', role: 'viewer' as const, product: null },
    ];
    expect(grantsOfClaims({ groups: ['shop', 'sre'], email_verified: true }, rules)).toEqual([
      { role: 'operator', product: null },
      { role: 'owner', product: 'shop' },
      { role: 'viewer', product: null },
    ]);
    expect(grantsOfClaims({ groups: 'sre' }, rules)).toEqual([{ role: 'operator', product: null }]);
    expect(grantsOfClaims({ groups: [{ sre: 1 }, 5] }, rules)).toEqual([]);
  });

  it.each([
    ['refs/heads/main', 'refs/heads/main', true],
    ['refs/heads/main', 'refs/heads/*', true],
    ['refs/heads/', 'refs/heads/*', true],
    ['refs/tags/v1', 'refs/heads/*', false],
    ['repo:acme/shop:ref:refs/heads/main', 'repo:acme/*:ref:refs/heads/main', true],
    ['repo:acme/shop:environment:x:ref:refs/heads/main', 'repo:acme/*:ref:refs/heads/main', false],
    ['repo:evil/x', 'repo:acme/*', false],
    ['aXb', 'a*b*b', false],
    ['aXbYb', 'a*b*b', true],
    ['ab', 'a*b', true],
    ['a', 'a*a', false],
    ['', '*', true],
  ])('%s fits %s: %s', (value, pattern, fits) => {
    expect(claimsMatch({ claim: value }, { claim: pattern })).toBe(fits);
  });

  it('must fit all that are wanted', () => {
    const claims = { repository: 'acme/shop', ref: 'refs/heads/main' };
    expect(claimsMatch(claims, { repository: 'acme/shop', ref: 'refs/heads/main' })).toBe(true);
    expect(claimsMatch(claims, { repository: 'acme/shop', environment: 'production' })).toBe(false);
  });
});
