import type { z } from '@hono/zod-openapi';
import type * as access from './api/access/access-schemas.ts';
import type * as reading from './api/reading/reading-schemas.ts';
import type * as api from './api/schemas.ts';

/** One deployment with its monitor's outcome. Times are milliseconds since the epoch. */
export type Deployment = z.output<typeof api.deployment>;
/** What reporting a deployment is answered with. */
export type Reported = z.output<typeof api.reported>;
export type TimelineEntry = z.output<typeof api.timelineEntry>;
/** A product as the page shows it. */
export type ProductNow = z.output<typeof reading.productNow>;
/** What is live and what is going on. */
export type ProductStatus = z.output<typeof api.productStatus>;
/** Accepted, or refused with the reason; `queued`: no worker takes it now. */
export type Answer = z.output<typeof api.answer>;
export type RollbackPlan = z.output<typeof api.rollbackPlan>;
export type GateAnswer = z.output<typeof api.gateAnswer>;
export type Readiness = z.output<typeof api.readiness>;
export type Incident = z.output<typeof api.incident>;
/** A past incident, what it was and what came of it. */
export type Lesson = z.output<typeof api.lesson>;
export type Statistics = z.output<typeof api.statistics>;
export type WhoAmI = z.output<typeof access.whoAmI>;
export type Token = z.output<typeof access.token>;
export type MadeToken = z.output<typeof access.madeToken>;
export type AuditEntry = z.output<typeof access.auditEntry>;
export type SignInLink = z.output<typeof access.signInLink>;

export type DeploymentReport = z.input<typeof api.deploymentReport>;
export type RollbackRequest = z.input<typeof api.rollbackRequest>;
export type PauseRequest = z.input<typeof api.pauseRequest>;
export type VetoRequest = z.input<typeof api.vetoRequest>;
export type CommandRequest = z.input<typeof api.commandRequest>;
export type StandingRequest = z.input<typeof api.standingRequest>;
export type FloorRequest = z.input<typeof api.floorRequest>;
export type ReviewRequest = z.input<typeof api.reviewRequest>;
export type GateRequest = z.input<typeof api.gateRequest>;
export type LessonsQuery = z.input<typeof api.lessonsQuery>;
export type NewTokenRequest = z.input<typeof access.newTokenRequest>;
export type LinkRequest = z.input<typeof access.linkRequest>;

/** An incident with all that is known of it. */
export interface IncidentStory {
  readonly incident: Incident;
  /** The specification's incident report; `null`: not written yet. */
  readonly report: Record<string, unknown> | null;
  readonly timeline: TimelineEntry[];
}

/** One signal of one service over time. */
export interface SignalSeries {
  readonly signal: SignalName;
  readonly unit: string;
  readonly baseline: number | null;
  /** More than this is a breach; `null`: nothing is. */
  readonly threshold: number | null;
  /** Oldest first. `null`: not measured. */
  readonly points: readonly { readonly atMs: number; readonly value: number | null }[];
}

export interface ServiceSeries {
  readonly service: string;
  readonly signals: readonly SignalSeries[];
}

export type SignalName =
  | 'error_rate'
  | 'latency_p50'
  | 'latency_p95'
  | 'latency_p99'
  | 'memory'
  | 'cpu'
  | 'request_rate'
  | 'db_connection_errors'
  | 'health';
