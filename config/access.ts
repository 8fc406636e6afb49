import type { ClaimRule, Grant } from '../domain/access.ts';
import type { Config } from './load.ts';
import type { Env } from './references.ts';

/** The section `access`, its variables resolved. */
export interface AccessSettings {
  /** Under which people reach the page, without a slash at the end; `null`: as the API is bound. */
  readonly publicUrl: string | null;
  /** Proxies in front of us, addresses and ranges: what they say of where a request comes from is believed. */
  readonly trustedProxies: readonly string[];
  readonly signIn: SignInSettings | null;
  readonly workloads: readonly WorkloadRule[];
}

export interface SignInSettings {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string | null;
  readonly scopes: string;
  /** `null`: email, else sub. */
  readonly nameClaim: string | null;
  readonly rules: readonly ClaimRule[];
  /** Of everybody who can sign in. */
  readonly defaultGrant: Grant | null;
  readonly sessionMs: number;
}

export interface WorkloadRule extends Grant {
  readonly issuer: string;
  readonly audience: string;
  readonly claims: Readonly<Record<string, string>>;
}

/** Nobody signs in, and only API tokens serve. */
export const noAccessSettings: AccessSettings = {
  publicUrl: null,
  trustedProxies: [],
  signIn: null,
  workloads: [],
};

export function accessOf(config: Config, env: Env): AccessSettings {
  const written = config.data.access;
  if (written == null) return noAccessSettings;
  const text = (value: string) => config.text(value, env);
  return {
    publicUrl: written.public_url === undefined ? null : text(written.public_url).replace(/\/+$/, ''),
    trustedProxies: written.trusted_proxies ?? [],
    signIn: signInOf(written.sign_in, text),
    workloads: (written.workloads ?? []).map(({ issuer, audience, claims, role, product }) => ({
      issuer: text(issuer),
      audience: text(audience),
      claims: Object.fromEntries(Object.entries(claims).map(([claim, value]) => [claim, text(value)])),
      role,
      product: product ?? null,
    })),
  };
}

type WrittenSignIn = NonNullable<Config['data']['access']>['sign_in'];

function signInOf(written: WrittenSignIn, text: (value: string) => string): SignInSettings | null {
  if (written == null) return null;
  const { default_role: role, session_hours: hours = 12 } = written;
  return {
    issuer: text(written.issuer),
    clientId: text(written.client_id),
    clientSecret: written.client_secret === undefined ? null : text(written.client_secret),
    scopes: written.scopes === undefined ? 'openid profile email' : text(written.scopes),
    nameClaim: written.name_claim ?? null,
    rules: (written.roles ?? []).map(({ claim, value, role: given, product }) => ({
      claim,
      value: text(value),
      role: given,
      product: product ?? null,
    })),
    defaultGrant: role === undefined ? null : { role, product: null },
    sessionMs: hours * 3_600_000,
  };
}
