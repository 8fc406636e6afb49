import { ours } from './our-judge.ts';
import { alwaysValid, alwaysValidErrors } from './rivals/always-valid.ts';
import { failureLimit } from './rivals/failure-limit.ts';
import { literal, literalErrors } from './rivals/literal.ts';
import { mannWhitney, mannWhitneyErrors } from './rivals/mann-whitney.ts';
import { ruleD } from './rivals/rule-d.ts';
import type { Detector } from './trace.ts';

/** The rows of the bench's table. The rivals with "errors only" are those which the reference page measured. */
export const detectors: readonly Detector[] = [
  ours,
  literal,
  literalErrors,
  failureLimit,
  mannWhitney,
  mannWhitneyErrors,
  alwaysValid,
  alwaysValidErrors,
  ruleD,
];
