import { writeFileSync } from 'node:fs';
import { manPage } from './man-page.ts';
import { version } from './version.ts';

writeFileSync(new URL('../../man/orchestrator.1', import.meta.url), manPage(version()));
