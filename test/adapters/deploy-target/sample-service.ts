import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StepContext } from '../../../adapters/deploy-target/deploy-target.ts';

const server = `
import { createServer } from 'node:http';
const { PORT, SERVICE, RELEASE } = process.env;
createServer((request, response) => {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ service: SERVICE, release: RELEASE, pid: process.pid, env: process.env, cwd: process.cwd() }));
}).listen(Number(PORT), '127.0.0.1');
console.log('listening', PORT);
`;

/** What the sample service answers. */
export interface SampleAnswer {
  readonly service: string;
  readonly release: string;
  readonly pid: number;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

export const sampleCommand = [process.execPath, 'server.mjs'];

/** Lays a release of a small HTTP service into its folder, or one with other code. */
export async function layRelease(
  root: string,
  service: string,
  release: string,
  code = server,
): Promise<void> {
  const folder = join(root, service, 'releases', release);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'server.mjs'), code);
}

/** A step as a worker would run it, with what it told by heartbeat. */
export function aStep(
  key: string,
  signal = AbortSignal.timeout(60_000),
): StepContext & { readonly heard: string[] } {
  const heard: string[] = [];
  return { key, signal, heard, heartbeat: (progress) => void heard.push(progress) };
}

export async function ask(url: string | null): Promise<SampleAnswer> {
  if (url === null) throw new Error('the instance has no address');
  const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
  return (await response.json()) as SampleAnswer;
}
