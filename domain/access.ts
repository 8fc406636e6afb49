/** What a caller may be trusted with. */
export const roles = ['viewer', 'pipeline', 'operator', 'owner', 'admin'] as const;

export type Role = (typeof roles)[number];

/**
 * `read`: everything that is shown. `report`: deployments, measurements and alerts, and asking the gate. `act`: rollback, pause and
 * the words to a rollback. `vouch`: what outlives an incident: a release is good or bad, a rollback floor, opening a shut gate, the
 * review. `administer`: tokens and the audit trail.
 */
export const permissions = ['read', 'report', 'act', 'vouch', 'administer'] as const;

export type Permission = (typeof permissions)[number];

const permitted: Readonly<Record<Role, readonly Permission[]>> = {
  viewer: ['read'],
  pipeline: ['read', 'report'],
  operator: ['read', 'report', 'act'],
  owner: ['read', 'report', 'act', 'vouch'],
  admin: permissions,
};

export interface Grant {
  readonly role: Role;
  /** `null`: every product. */
  readonly product: string | null;
}

/** Who is calling, as it was proven; what they are called stands in the timeline and in the audit trail. */
export interface Principal {
  readonly name: string;
  /** A person is named by an identity provider or a chat; a token by whoever made it; a workload by its pipeline's identity. */
  readonly kind: 'person' | 'token' | 'workload';
  readonly grants: readonly Grant[];
}

/** @param product `null`: the call is about no product in particular, and only a grant for every product serves */
export function may({ grants }: Principal, permission: Permission, product: string | null): boolean {
  return grants.some(
    (grant) =>
      permitted[grant.role].includes(permission) && (grant.product === null || grant.product === product),
  );
}

/** The products that a caller may do this with; `null`: every one. */
export function productsOf({ grants }: Principal, permission: Permission): readonly string[] | null {
  const serving = grants.filter(({ role }) => permitted[role].includes(permission));
  if (serving.some(({ product }) => product === null)) return null;
  return [...new Set(serving.map(({ product }) => product as string))];
}

/** The sentence of a refusal: who, what they have, what it needs. */
export function refusalOf(
  { name, grants }: Principal,
  permission: Permission,
  product: string | null,
): string {
  const needed = roles.filter((role) => permitted[role].includes(permission)).join(', ');
  const where = product === null ? 'for every product' : `for ${product}`;
  const has = grants.map(grantText).join(', ') || 'no role';
  return `${name} has ${has}; this needs one of the roles ${needed} ${where}`;
}

/** `owner of shop`, `viewer` */
export function grantText({ role, product }: Grant): string {
  return product === null ? role : `${role} of ${product}`;
}

/** Whoever has the claim has the role. */
export interface ClaimRule extends Grant {
  readonly claim: string;
  readonly value: string;
}

/** What an identity token's claims are worth: `groups: [a, b]` has both values. */
export function grantsOfClaims(claims: Claims, rules: readonly ClaimRule[]): Grant[] {
  return rules
    .filter(({ claim, value }) => valuesOf(claims[claim]).includes(value))
    .map(({ role, product }) => ({ role, product }));
}

export type Claims = Readonly<Record<string, unknown>>;

/** @param wanted by claim; `*` stands for any characters but none of `:`, which separates parts in subjects */
export function claimsMatch(claims: Claims, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([claim, pattern]) =>
    valuesOf(claims[claim]).some((value) => matches(value, pattern)),
  );
}

function valuesOf(claim: unknown): string[] {
  const values = Array.isArray(claim) ? (claim as unknown[]) : [claim];
  return values.filter((value) => typeof value === 'string' || typeof value === 'boolean').map(String);
}

function matches(value: string, pattern: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  if (rest.length === 0) return value === pattern;
  if (!value.startsWith(first)) return false;
  let from = first.length;
  for (const [index, piece] of rest.entries()) {
    const at = index === rest.length - 1 ? value.length - piece.length : value.indexOf(piece, from);
    if (at < from || !value.startsWith(piece, at) || value.slice(from, at).includes(':')) return false;
    from = at + piece.length;
  }
  return true;
}
