import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { healthPathIn, portIn } from './ports.ts';

/** What `EXPOSE` and `HEALTHCHECK` of a Dockerfile say. */
export async function dockerfileService(
  folder: string,
  say: (line: string) => void,
): Promise<{ readonly port: number | null; readonly healthPath: string | null } | null> {
  const text = await readFile(join(folder, 'Dockerfile'), 'utf8').catch(() => null);
  if (text === null) return null;
  const port = portIn(/^\s*EXPOSE\s+(\S+)/im.exec(text)?.[1]);
  const healthPath = healthPathIn(/^\s*HEALTHCHECK[\s\S]*?$(?!\s)/im.exec(text)?.[0] ?? '');
  say(`Dockerfile${port === null ? '' : `: port ${port}`}`);
  return { port, healthPath };
}
