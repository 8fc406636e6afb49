import { decide } from '../../client/backtest/judge-trace.ts';
import type { Detector } from './trace.ts';

/** The product's own judge as it is shipped, with the default policy. */
export const ours: Detector = { name: 'ours', decide: (trace) => decide(trace)?.minute ?? null };
