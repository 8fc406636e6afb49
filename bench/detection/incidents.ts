import type { Random } from './random.ts';
import { minutesBefore } from './trace.ts';
import { minutes } from './traffic-model.ts';

export const incidentKinds = [
  'dependency_outage',
  'retry_storm',
  'flash_crowd',
  'misbehaving_client',
] as const;
export type IncidentKind = (typeof incidentKinds)[number];

export interface External {
  readonly what: IncidentKind;
  /** `early`: within the first 15 minutes after the deployment. `any`, the default: one in four is early. */
  readonly start?: 'early' | 'any';
}

/** What an incident does to a service at its height. */
export interface Hit {
  readonly requestFactor: number;
  /** Times the service's own error share. */
  readonly errorFactor: number;
  /** Share of the requests that fail beside those. */
  readonly errorShare: number;
  readonly p95Factor: number;
}

/** Trouble that no deployment caused, in the rows `from` to `end - 1`. */
export interface Incident {
  readonly from: number;
  readonly end: number;
  /** It takes as long to come, and to go, minutes. */
  readonly rampMinutes: number;
  readonly self: Hit;
  readonly peer: Hit | null;
}

export function drawIncident(random: Random, { what, start = 'any' }: External): Incident {
  const early = start === 'early' || random.uniform() < 0.25;
  const at = early ? random.integer(0, 15) : random.integer(15, 1320);
  const [shortest, longest] = lengths[what];
  const from = minutesBefore + at;
  const end = Math.min(minutes, from + random.integer(shortest, longest + 1));
  return { from, end, ...hits[what](random) };
}

/** The hit of that row, or `null` outside of the incident. */
export function hitAt(incident: Incident, hit: Hit | null, row: number): Hit | null {
  const { from, end, rampMinutes } = incident;
  if (hit === null || row < from || row >= end) return null;
  const strength = Math.min(1, (row - from + 1) / rampMinutes, (end - row) / rampMinutes);
  return strength === 1 ? hit : part(hit, strength);
}

const lengths: Record<IncidentKind, readonly [number, number]> = {
  dependency_outage: [10, 60],
  retry_storm: [10, 60],
  flash_crowd: [20, 90],
  misbehaving_client: [10, 120],
};

type Blow = Pick<Incident, 'rampMinutes' | 'self' | 'peer'>;

const hits: Record<IncidentKind, (random: Random) => Blow> = {
  dependency_outage: (random) => {
    const height = random.uniform(Math.log(10), Math.log(100));
    const slowness = random.uniform(Math.log(1.3), Math.log(5));
    const self = { ...unhurt, errorFactor: Math.exp(height), p95Factor: Math.exp(slowness) };
    const peer = {
      ...unhurt,
      errorFactor: Math.exp(Math.max(Math.log(3), height + 0.4 * random.normal())),
      p95Factor: Math.exp(Math.max(0, slowness + 0.3 * random.normal())),
    };
    return { rampMinutes: random.integer(1, 4), self, peer };
  },
  retry_storm: (random) => {
    const self = {
      requestFactor: random.uniform(1.5, 4),
      errorFactor: 1,
      errorShare: Math.exp(random.uniform(Math.log(0.02), Math.log(0.3))),
      p95Factor: random.uniform(1.2, 2.5),
    };
    return { rampMinutes: random.integer(1, 6), self, peer: part(self, random.uniform(0.1, 0.6)) };
  },
  flash_crowd: (random) => {
    const requestFactor = random.uniform(3, 10);
    const self = {
      requestFactor,
      errorFactor: random.uniform(1, 5),
      errorShare: 0,
      p95Factor: requestFactor ** random.uniform(0.1, 0.5),
    };
    const peer = random.uniform() < 0.5 ? part(self, random.uniform(0.2, 0.9)) : null;
    return { rampMinutes: random.integer(1, 11), self, peer };
  },
  misbehaving_client: (random) => {
    const added = random.uniform(0.1, 0.6);
    const errorShare = (random.uniform(0.8, 1) * added) / (1 + added);
    return {
      rampMinutes: 1,
      self: { ...unhurt, requestFactor: 1 + added, errorShare },
      peer: null,
    };
  },
};

const unhurt: Hit = { requestFactor: 1, errorFactor: 1, errorShare: 0, p95Factor: 1 };

function part(hit: Hit, strength: number): Hit {
  return {
    requestFactor: 1 + (hit.requestFactor - 1) * strength,
    errorFactor: hit.errorFactor ** strength,
    errorShare: hit.errorShare * strength,
    p95Factor: hit.p95Factor ** strength,
  };
}
