import { isIP } from 'node:net';
import { z } from 'zod';
import { roles } from '../../domain/access.ts';
import { mapping, name, section, text, url, wholeNumber } from './fields.ts';

const role = z.enum(roles, roles.join(', '));

const grantShape = {
  role: role.describe('What they may do: see docs/access.md'),
  product: name('Only for this product; left out: for every one').optional(),
};

/** A claim of an identity token, as its provider names it. */
const claimValues = z
  .record(z.string(), z.string('text'), 'a mapping from claims to values')
  .refine((claims) => Object.keys(claims).length > 0, 'at least one claim');

const rangeAllowed = 'an IP address or a range, like 10.0.0.4 or 10.0.0.0/8';

function isRange(written: string): boolean {
  const [address = '', bits, ...more] = written.split('/');
  const most = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  return (
    most > 0 && more.length === 0 && (bits === undefined || (/^\d+$/.test(bits) && Number(bits) <= most))
  );
}

export const access = section('Who may do what, over the API and on the page.', {
  public_url: url(
    'Under which people reach the page; needed for sign-in and for links in messages',
  ).optional(),
  trusted_proxies: z
    .array(z.string(rangeAllowed).refine(isRange, rangeAllowed), 'a list of addresses')
    .describe('Proxies in front of the API: what they say in x-forwarded-for is believed')
    .optional(),
  sign_in: section('People sign in to the page with an OpenID Connect provider.', {
    issuer: url('The provider, e.g. https://login.example.com/realms/ops'),
    client_id: text('As the provider registered us'),
    client_secret: text('Of a confidential client (a secret)').optional(),
    scopes: text('Asked for, separated by spaces; default: openid profile email').optional(),
    name_claim: text('What people are called in the timeline; default: email, else sub').optional(),
    roles: z
      .array(
        mapping({
          claim: text('E.g. groups'),
          value: text('Equal to the claim, or one of its entries'),
          ...grantShape,
        }),
        'a list of roles, each with claim, value and role',
      )
      .describe('Whoever has the claim has the role'),
    default_role: role.describe('Of everybody who can sign in; left out: nothing').optional(),
    session_hours: wholeNumber('After that people sign in again', 1, 168, 12).optional(),
  }),
  workloads: z
    .array(
      mapping({
        issuer: url('E.g. https://token.actions.githubusercontent.com'),
        audience: text('What the token must be made out to'),
        claims: claimValues.describe('Each must be equal, * stands for anything: repository: acme/shop'),
        ...grantShape,
      }),
      'a list of workloads, each with issuer, audience, claims and role',
    )
    .describe('Pipelines prove who they are with an identity token of their own: no secret is stored.')
    .optional(),
});
