import { z } from '@hono/zod-openapi';
import { triggerTypes } from '../../domain/detection/verdict.ts';
import { defaultEnvironment, identifierPattern } from '../../domain/identity.ts';
import { productPhases } from '../../domain/product-phase.ts';

export const json = <Schema extends z.ZodType>(schema: Schema) => ({
  content: { 'application/json': { schema } },
});

export const identifier = (what: string) =>
  z.string().regex(identifierPattern, {
    error: (issue) =>
      `${what} ${JSON.stringify(issue.input)} must start with a lower-case letter or a digit and contain only lower-case letters, digits, ".", "_" and "-", at most 63 characters`,
  });

const person = z.string().trim().min(1).max(200);
const words = z.string().trim().min(1).max(2_000);

export const deploymentReport = z
  .strictObject({
    product: identifier('product'),
    environment: identifier('environment').default(defaultEnvironment),
    deployment: identifier('deployment').optional().describe('default: the releases and the time'),
    release: identifier('release').optional().describe('for a product with one service'),
    services: z.record(identifier('service'), identifier('release')).optional().describe('service → release'),
    deployedAt: z.iso.datetime({ offset: true }).optional().describe('default: now'),
    changedAt: z.iso
      .datetime({ offset: true })
      .optional()
      .describe('when its oldest change was committed: the lead time counts from then'),
    callback: z
      .string()
      .min(1)
      .max(100)
      .optional()
      .describe('a webhook of notifications.webhooks, by its name: it is told the outcome'),
    good: z
      .strictObject({ by: person.optional(), reason: words })
      .optional()
      .describe('a person vouches for the release'),
    rollbackFloor: z
      .strictObject({
        release: identifier('release').optional().describe('for a product with one service'),
        services: z.record(identifier('service'), identifier('release')).optional(),
        reason: words,
        by: person.optional(),
      })
      .refine((floor) => (floor.release === undefined) !== (floor.services === undefined), {
        error: 'give either release (for a product with one service) or services',
      })
      .optional()
      .describe('no older release may be restored from now on: after an irreversible migration, say'),
  })
  .refine((report) => (report.release === undefined) !== (report.services === undefined), {
    error: 'give either release (for a product with one service) or services',
  })
  .openapi('DeploymentReport');

export const scope = z.object({ environment: identifier('environment').default(defaultEnvironment) });

export const productPath = z.object({ product: identifier('product') });

/** Old messages and pages that stood open keep their buttons: they must not act on what came since. */
const about = {
  deployment: identifier('deployment')
    .optional()
    .describe('refused where it is about another deployment by now; default: whichever it is about'),
};

export const rollbackRequest = z
  .strictObject({
    reason: words.default('no reason given'),
    to: identifier('release').nullable().default(null),
    by: person.optional(),
    ...about,
    requestId: z.string().min(1).max(100).optional(),
  })
  .openapi('RollbackRequest');

export const pauseRequest = z
  .strictObject({
    by: person.optional(),
    reason: words.default('no reason given'),
    minutes: z
      .number()
      .positive()
      .max(60 * 24 * 30)
      .optional(),
    until: z.iso.datetime({ offset: true }).optional(),
  })
  .refine((pause) => pause.minutes === undefined || pause.until === undefined, {
    error: 'give minutes or until, not both',
  })
  .openapi('PauseRequest');

export const vetoRequest = z
  .strictObject({
    by: person.optional(),
    reason: words.default('no reason given'),
    ...about,
    requestId: z.string().min(1).max(100).optional(),
  })
  .openapi('VetoRequest');

export const byRequest = z.strictObject({ by: person.optional() }).openapi('ByRequest');

export const commandRequest = z
  .strictObject({
    by: person.optional(),
    note: words.optional(),
    to: identifier('release').nullable().default(null),
    state: z.enum(['resume', 'stop']).optional(),
    ...about,
    requestId: z.string().min(1).max(100).optional(),
  })
  .openapi('CommandRequest');

export const standingRequest = z
  .strictObject({
    standing: z.enum(['good', 'bad']),
    by: person.optional(),
    reason: words,
    service: identifier('service').optional(),
  })
  .openapi('StandingRequest');

export const floorRequest = z
  .strictObject({
    release: identifier('release').nullable().describe('null lifts the floor'),
    service: identifier('service').optional().describe('default: every service of the product'),
    by: person.optional(),
    reason: words,
  })
  .openapi('FloorRequest');

export const reviewRequest = z
  .strictObject({
    by: person.optional(),
    verdict: words.default('reviewed'),
    note: z.string().max(10_000).default(''),
  })
  .openapi('ReviewRequest');

/** A number in an address. Nothing is no number: `?limit=` would count as 0. */
export const wholeNumber = (least: number, most = Number.MAX_SAFE_INTEGER) =>
  z.preprocess((given) => (given === '' ? 'nothing' : given), z.coerce.number().int().min(least).max(most));

export const listQuery = z.object({
  product: identifier('product').optional(),
  environment: identifier('environment').optional(),
  limit: wholeNumber(1, 500).default(50),
});

export const lessonsQuery = z.object({
  query: z.string().trim().max(1_000).default('').describe('words: of an error, a file, a symptom, a fix'),
  like: z.string().max(200).optional().describe('an incident: has its pattern happened before?'),
  product: identifier('product').optional(),
  environment: identifier('environment').optional(),
  service: identifier('service').optional(),
  trigger: z.enum(triggerTypes).optional(),
  cause: z.string().max(100).optional().describe('as a report has it: n_plus_one_query'),
  limit: z.coerce.number().int().min(1).max(100).default(10),
});

const day = z.iso.date();

export const statisticsQuery = z
  .object({
    days: wholeNumber(1, 3_650).optional().describe('the last days; default: 30'),
    from: day.optional().describe('or: from the beginning of this day, UTC'),
    to: day.optional().describe('to the end of this day, UTC; default: now'),
    product: identifier('product').optional(),
    environment: identifier('environment').optional(),
  })
  .refine(({ days, from }) => days === undefined || from === undefined, {
    error: 'give days or from, not both',
  })
  .refine(({ from, to }) => from === undefined || to === undefined || from <= to, {
    error: 'to must not be before from',
  });

const histogram = z
  .strictObject({
    boundsMs: z.array(z.number().positive()).min(1).max(200).describe('ascending, milliseconds'),
    counts: z.array(z.number().int().min(0)).describe('requests by bucket; the last has no upper bound'),
  })
  .refine(({ boundsMs, counts }) => counts.length === boundsMs.length + 1, {
    error: 'counts must have one entry more than boundsMs',
  })
  .refine(({ boundsMs }) => boundsMs.every((bound, i) => i === 0 || bound > (boundsMs[i - 1] as number)), {
    error: 'boundsMs must ascend',
  });

const performanceSample = z
  .strictObject({
    seconds: z.number().positive().max(3_600).default(60).describe('of the interval'),
    requests: z.number().int().min(0),
    errors: z.number().int().min(0),
    latency: histogram.optional(),
    p95Ms: z.number().positive().optional().describe('or the percentile that the policy names'),
    memoryPercent: z.number().min(0).max(1_000).optional(),
    dbConnectionErrors: z.number().int().min(0).optional(),
  })
  .refine(({ requests, errors }) => errors <= requests, { error: 'errors must not be more than requests' })
  .openapi('PerformanceSample');

/** What a load test before production measured, interval by interval. */
export const performanceSamples = z.array(performanceSample).min(1).max(1_440);

export const gateRequest = z
  .strictObject({
    release: identifier('release').optional().describe('for a product with one service'),
    services: z.record(identifier('service'), identifier('release')).optional().describe('service → release'),
    override: z
      .strictObject({ by: person.optional(), reason: words })
      .optional()
      .describe('somebody answers for deploying all the same'),
    performance: z
      .record(identifier('service'), performanceSamples)
      .optional()
      .describe('by service: held against last known good'),
  })
  .refine((request) => request.release === undefined || request.services === undefined, {
    error: 'give either release (for a product with one service) or services',
  })
  .openapi('GateRequest');

const readinessFields = {
  atMs: z.number(),
  services: z.array(
    z.object({
      service: z.string(),
      target: z.string().nullable().describe('what would be put back'),
      checks: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string() })),
    }),
  ),
};

export const readiness = z.object({ ...readinessFields, deployment: z.string() }).openapi('Readiness');

export const gateAnswer = z
  .object({
    open: z.boolean(),
    overridden: z.boolean(),
    findings: z.array(
      z.object({
        kind: z.enum(['passed', 'warning', 'refused']),
        name: z.string(),
        reason: z.string(),
        wayPast: z.string().nullable(),
      }),
    ),
    readiness: z.object(readinessFields).nullable(),
  })
  .openapi('GateAnswer');

const labels = z.record(z.string(), z.string());

/** Version 4 of Alertmanager's webhook; what we do not need may be there. */
export const alertmanagerMessage = z
  .object({
    version: z.string().optional(),
    status: z.string().optional(),
    alerts: z
      .array(
        z.object({
          status: z.enum(['firing', 'resolved']),
          labels,
          annotations: labels.default({}),
          startsAt: z.iso.datetime({ offset: true }),
          fingerprint: z.string().min(1).max(200).optional(),
        }),
      )
      .max(1_000),
  })
  .openapi('AlertmanagerMessage');

export const alertsReceived = z
  .object({ received: z.number(), ignored: z.array(z.string()) })
  .openapi('AlertsReceived');

const release = z.object({ service: z.string(), release: z.string() });

export const deployment = z
  .object({
    product: z.string(),
    environment: z.string(),
    deployment: z.string(),
    services: z.array(release),
    origin: z.enum(['reported', 'observed', 'rollback']),
    status: z.enum(['waiting', 'watching', 'ended']),
    outcome: z.string().nullable(),
    outcomeReason: z.string().nullable(),
    deployedAtMs: z.number(),
    endedAtMs: z.number().nullable(),
    goodMs: z.number().describe('observed, breach-free traffic served, milliseconds'),
  })
  .openapi('Deployment');

export const reported = z
  .object({
    deployment,
    isNew: z.boolean(),
    notes: z.array(z.string()),
    workflowId: z.string(),
    link: z.string().nullable(),
  })
  .openapi('Reported');

export const answer = z
  .object({ accepted: z.boolean(), reason: z.string(), queued: z.boolean().optional() })
  .openapi('Answer');

export const timelineEntry = z.object({
  atMs: z.number(),
  kind: z.string(),
  text: z.string(),
  deployment: z.string(),
  incident: z.string().nullable(),
});

/** Of a product, wherever it is told. */
export const vetoShape = {
  vetoWindow: z
    .object({ untilMs: z.number(), reason: z.string() })
    .nullable()
    .describe('a rollback that begins then unless somebody vetoes it'),
  veto: z
    .object({ by: z.string(), reason: z.string(), atMs: z.number() })
    .nullable()
    .describe('whoever vetoed the rollback of what is live: it is only observed'),
};

export const productStatus = z
  .object({
    product: z.string(),
    environment: z.string(),
    phase: z.enum(productPhases).describe('in one word, as the page shows it'),
    endsAtMs: z.number().nullable().describe('when the watch ends; null: nothing is watched'),
    current: deployment.nullable(),
    rollback: z
      .object({
        id: z.string(),
        deployment: z.string(),
        sinceMs: z.number(),
        phase: z.string().nullable(),
        reason: z.string().nullable(),
      })
      .nullable(),
    pause: z.object({ untilMs: z.number().nullable(), by: z.string(), reason: z.string() }).nullable(),
    ...vetoShape,
    floors: z
      .record(
        z.string(),
        z.object({ release: z.string(), by: z.string(), reason: z.string(), atMs: z.number() }),
      )
      .describe('by service: no older release may be restored'),
    lastCheck: z.object({ atMs: z.number(), sentence: z.string() }).nullable(),
    readiness: readiness.nullable(),
    timeline: z.array(timelineEntry),
  })
  .openapi('ProductStatus');

export const incident = z
  .object({
    id: z.string(),
    product: z.string(),
    environment: z.string(),
    deployment: z.string(),
    status: z.string(),
    origin: z.string(),
    reason: z.string(),
    from: z.array(release),
    to: z.array(release),
    openedAtMs: z.number(),
    endedAtMs: z.number().nullable(),
    outcome: z.string().nullable(),
    attempts: z.number(),
    issue: z.string().nullable(),
    issueUrl: z.string().nullable().optional().describe('where the issue is read'),
    rootCause: z.string().nullable(),
    outcomeReason: z.string().nullable(),
    breachAtMs: z.number(),
    trafficStoppedAtMs: z.number().nullable(),
    trafficResumedAtMs: z.number().nullable(),
    review: z.object({ by: z.string(), verdict: z.string(), note: z.string(), atMs: z.number() }).nullable(),
  })
  .openapi('Incident');

export const lesson = z
  .object({
    incident: z.string(),
    product: z.string(),
    environment: z.string(),
    openedAtMs: z.number(),
    reason: z.string(),
    triggers: z.array(z.enum(triggerTypes)),
    services: z.array(z.string()),
    cause: z.string(),
    causeSummary: z.string().nullable().describe('the hypothesis; null: there is no report yet'),
    from: z.string(),
    to: z.string().nullable().describe('what was put back; null: nothing'),
    outcome: z.string().nullable(),
    outcomeReason: z.string().nullable(),
    review: z
      .object({ by: z.string(), verdict: z.string(), note: z.string(), atMs: z.number() })
      .nullable()
      .describe('what its owner found, and often what fixed it'),
    commits: z.array(
      z.object({ id: z.string(), subject: z.string(), author: z.string(), files: z.array(z.string()) }),
    ),
    score: z.number().describe('only its order means something'),
    why: z.string().describe('why it was found: same cause, same file, the words it says'),
  })
  .openapi('Lesson');

export const problem = z.object({ error: z.string() }).openapi('Problem');

export const statistics = z
  .object({
    days: z.number(),
    deployments: z.number(),
    automaticRollbacks: z.number(),
    manualRollbacks: z.number(),
    successRatePercent: z.number().nullable(),
    causes: z.array(z.object({ cause: z.string(), count: z.number() })),
    averageRollbackMinutes: z.number().nullable(),
    manualRollbackMinutes: z.number(),
    timeSavedMinutes: z.number(),
    downtimeWithoutMinutes: z.number(),
    downtimeMeasuredMinutes: z.number(),
    insights: z.array(z.string()),
    assumptions: z.array(z.string()),
    fromMs: z.number(),
    toMs: z.number(),
    dora: z
      .object({
        deploymentsPerDay: z.number(),
        leadTimeMinutes: z.number().nullable(),
        leadTimeKnown: z.number().describe('of how many deployments the lead time is known'),
        changeFailurePercent: z.number().nullable(),
        recoveryMinutes: z.number().nullable(),
      })
      .describe("DORA's four keys"),
  })
  .openapi('Statistics');

export const rollbackPlan = z
  .object({
    deployment,
    services: z.array(
      z.object({
        service: z.string(),
        release: z.string(),
        candidates: z.array(z.object({ release: z.string(), reason: z.string(), restorable: z.string() })),
        rejected: z.array(z.object({ release: z.string(), reason: z.string() })),
      }),
    ),
  })
  .openapi('RollbackPlan');

/** What leaves as JSON, without the `readonly` of domain values. */
export function plain<Value>(value: Value): Mutable<Value> {
  return value as Mutable<Value>;
}

type Mutable<Value> = Value extends string | number | boolean | null | undefined
  ? Value
  : { -readonly [Key in keyof Value]: Mutable<Value[Key]> };
