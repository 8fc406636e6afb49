import { spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterwards, kill, temporaryFolder } from '../adapters/temporary.ts';
import type { anIssuer } from '../client/access/an-issuer.ts';

const entry = fileURLToPath(new URL('../../action/main.js', import.meta.url));

export interface JobRun {
  readonly code: number | null;
  readonly log: string;
  readonly outputs: Readonly<Record<string, string>>;
  readonly summary: string;
}

/** What of a runner an action meets: inputs and files in its environment, and GitHub's endpoint for identity tokens. */
export async function aJob(issuer: Awaited<ReturnType<typeof anIssuer>>, expires = '5m') {
  const asked: { url: string; headers: IncomingHttpHeaders }[] = [];
  const secret = 'the-secret-of-the-job';
  // As documented: GET with the audience and the job's own token; the answer has the identity token as `value`.
  const server = createServer((request, response) => {
    const { url = '', headers } = request;
    asked.push({ url, headers });
    const audience = new URL(url, 'http://x').searchParams.get('audience') ?? '';
    if (headers.authorization !== `Bearer ${secret}`) return void response.writeHead(401).end('{}');
    void issuer
      .sign({ aud: audience }, undefined, expires)
      .then((value) =>
        response.setHeader('content-type', 'application/json').end(JSON.stringify({ count: 1, value })),
      );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  afterwards(() => server.close());
  const folder = await temporaryFolder();
  const identity = {
    ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/idtoken?api-version=2.0`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: secret,
  };

  async function run(
    inputs: Record<string, string>,
    env: Record<string, string> = identity,
  ): Promise<JobRun> {
    const place = join(folder, `step-${asked.length}-${Date.now()}`);
    await mkdir(place);
    const [output, summary] = [join(place, 'output'), join(place, 'summary')];
    await Promise.all([output, summary].map((file) => writeFile(file, '')));
    const given = Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value]);
    const child = spawn(process.execPath, [entry], {
      env: {
        PATH: process.env.PATH,
        GITHUB_RUN_ID: '9000',
        GITHUB_RUN_ATTEMPT: '1',
        GITHUB_WORKSPACE: folder,
        GITHUB_OUTPUT: output,
        GITHUB_STEP_SUMMARY: summary,
        ...env,
        ...Object.fromEntries(given),
      },
    });
    afterwards(() => kill(child));
    let log = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (piece: Buffer) => {
        log += piece.toString();
      });
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    const outputs = outputsIn(await readFile(output, 'utf8'));
    return { code, log, outputs, summary: await readFile(summary, 'utf8') };
  }

  return { run, asked, folder, identity };
}

/** `name<<END`, the value's lines, `END`. */
function outputsIn(text: string): Record<string, string> {
  const found = text.matchAll(/^([\w-]+)<<(.+)\n([\s\S]*?)\n\2$/gm);
  return Object.fromEntries([...found].map(([, name, , value]) => [name as string, value as string]));
}
