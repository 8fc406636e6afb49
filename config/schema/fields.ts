import { z } from 'zod';
import { identifierPattern } from '../../domain/identity.ts';

// Every error message here is the phrase of what is allowed; `problems.ts` says where and what was found instead.

export const second = 1_000;
export const unitMs = { seconds: second, minutes: 60 * second, hours: 3_600 * second } as const;
const longestMs = 7 * 24 * unitMs.hours;

/** A mapping whose keys are all known. Left empty, as when all its lines are comments, it counts as absent. */
export function section<Shape extends z.ZodRawShape>(description: string, shape: Shape) {
  return mapping(shape).nullish().describe(description);
}

export function mapping<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape, { error: () => Object.keys(shape).join(', ') });
}

export function duration(unit: keyof typeof unitMs, description: string, defaultMs?: number) {
  return limited(description, unit, second, defaultMs);
}

export function durationOrNone(unit: keyof typeof unitMs, description: string, defaultMs?: number) {
  return limited(description, unit, 0, defaultMs);
}

function limited(description: string, unit: keyof typeof unitMs, leastMs: number, defaultMs?: number) {
  const allowed = `a number of ${unit}, from ${leastMs === 0 ? '0' : '1 second'} to 7 days`;
  const number = z.number(allowed).min(leastMs / unitMs[unit], allowed);
  return number.max(longestMs / unitMs[unit], allowed).meta(about(description, defaultMs, unitMs[unit]));
}

export function wholeNumber(description: string, least: number, most: number, initial?: number) {
  const allowed = `a whole number from ${least} to ${most.toLocaleString('en-US')}`;
  return z.int(allowed).min(least, allowed).max(most, allowed).meta(about(description, initial));
}

export function multiplier(description: string, initial: number) {
  const allowed = 'a number from 1 to 1,000';
  return z.number(allowed).min(1, allowed).max(1_000, allowed).meta(about(description, initial));
}

export function flag(description: string, initial: boolean) {
  return z.boolean('true or false').meta(about(description, initial));
}

export function about(description: string, initial: unknown, unit = 1) {
  if (initial === undefined) return { description };
  return { description, default: typeof initial === 'number' ? initial / unit : initial };
}

export function text(description: string, allowed = 'text') {
  return z.string(allowed).min(1, allowed).describe(description);
}

export function name(description: string) {
  const allowed =
    'a name of lower-case letters, digits, ".", "_" and "-", at most 63, beginning with a letter or digit';
  return z.string(allowed).regex(identifierPattern, allowed).describe(description);
}

export function url(description: string) {
  const allowed = `an http or https URL, or a reference like \${NAME}`;
  return z
    .string(allowed)
    .regex(/^https?:\/\/|\$\{/, allowed)
    .describe(description);
}

export function email(description: string) {
  const allowed = `e-mail addresses separated by commas, or a reference like \${NAME}`;
  return z
    .string(allowed)
    .regex(/@|\$\{/, allowed)
    .describe(description);
}

type OfKind = z.ZodObject<{ kind: z.ZodLiteral<string> }>;

/** One mapping of several, told apart by `kind`. The message for an unknown kind is the list of kinds. */
export function byKind<const Options extends readonly [OfKind, ...OfKind[]]>(options: Options) {
  const known = options.map(({ shape }) => shape.kind.value).join(', ');
  return z.discriminatedUnion('kind', options, {
    error: (issue: { readonly code?: string }) => (issue.code === 'invalid_type' ? `kind: ${known}` : known),
  });
}

export function texts(description: string) {
  return z
    .array(z.string('text'), 'a list of texts')
    .min(1, 'a list of at least one text')
    .describe(description);
}

export function environmentVariables(description: string) {
  const values = z.string('text (numbers in quotes)');
  return z.record(z.string(), values, 'a mapping from names to texts').describe(description);
}
