import { access } from './access.ts';
import { dayToDay } from './day-to-day.ts';
import { deploy } from './deploy.ts';
import type { Entry, Group } from './entry.ts';
import { incident } from './incident.ts';
import { lookBack } from './look-back.ts';
import { operate } from './operate.ts';
import { setUp } from './set-up.ts';

/** The table of contents, by what one wants to do. */
export const groups: readonly Group[] = [setUp, deploy, dayToDay, incident, lookBack, access, operate];

export const entries: readonly Entry[] = groups.flatMap((group) => group.entries);
