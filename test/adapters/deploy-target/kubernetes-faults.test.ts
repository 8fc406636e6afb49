import { writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createKubernetesTarget } from '../../../adapters/deploy-target/kubernetes.ts';
import type { KubernetesApiOptions } from '../../../adapters/kubernetes/api.ts';
import { afterwards, cleanUp, temporaryFolder } from '../temporary.ts';
import { aStep } from './sample-service.ts';

const signal = AbortSignal.timeout(600_000);

type Answer = (response: ServerResponse, request: IncomingMessage, count: number) => void;

const status = (code: number, reason: string, message: string) =>
  JSON.stringify({ kind: 'Status', code, reason, message });

function refuse(code: number, message: string, headers: Record<string, string> = {}): Answer {
  return (response) => {
    response.writeHead(code, { 'content-type': 'application/json', ...headers });
    response.end(status(code, 'Reason', message));
  };
}

/** An API server that answers everything so, and a target that asks it. */
async function aTarget(answer: Answer, options: Partial<KubernetesApiOptions> = {}) {
  let count = 0;
  const server = createServer((request, response) => {
    count += 1;
    answer(response, request, count);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  afterwards(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const kubeconfig = await aKubeconfig(url);
  return {
    url,
    target: targetOf({ kubeconfig, timeoutMs: 1_500, maxBytes: 100_000, ...options }),
    asked: () => count,
  };
}

function targetOf(options: KubernetesApiOptions) {
  return createKubernetesTarget({ ...options, namespace: 'shop', workloads: { api: 'deployment/web' } });
}

async function aKubeconfig(
  server: string,
  cluster: object = { 'insecure-skip-tls-verify': true },
): Promise<string> {
  const file = join(await temporaryFolder(), 'kubeconfig');
  const config = {
    clusters: [{ name: 'c', cluster: { server, ...cluster } }],
    users: [{ name: 'u', user: { token: 'hush' } }],
    contexts: [{ name: 'prod', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'prod',
  };
  await writeFile(file, JSON.stringify(config));
  return file;
}

const place = /GET http:\/\/127\.0\.0\.1:\d+\/apis\/apps\/v1\/namespaces\/shop\/deployments\/web: /;
const after = (words: RegExp) => new RegExp(place.source + words.source);

describe('a faulty Kubernetes API server', { timeout: 20_000 }, () => {
  afterEach(cleanUp);

  it.for([
    [
      '401',
      refuse(401, 'Unauthorized'),
      /HTTP 401 Unauthorized: the credentials are not accepted; log in anew, or renew the token; Unauthorized/,
    ],
    [
      '403',
      refuse(403, 'User "x" cannot get resource'),
      /HTTP 403 Forbidden: a right is missing; deploy\/kubernetes\/rbac.yaml has them all; User "x" cannot get resource/,
    ],
    [
      '409',
      refuse(409, 'the object has been modified'),
      /HTTP 409 Conflict: somebody else changed it meanwhile; the object/,
    ],
    [
      '429 with a long wait',
      refuse(429, 'too many', { 'retry-after': '60' }),
      /HTTP 429 Too Many Requests, asks to wait 60 s: the server is too busy/,
    ],
    [
      '500',
      refuse(500, 'etcdserver: request timed out'),
      /HTTP 500 Internal Server Error: etcdserver: request timed out/,
    ],
    [
      '503 of a load balancer',
      (response) => response.writeHead(503, { 'content-type': 'text/html' }).end('<h1>no backend</h1>'),
      /HTTP 503 Service Unavailable: <h1>no backend<\/h1>/,
    ],
    [
      'a redirect',
      (response) => response.writeHead(302, { location: 'http://elsewhere.example/' }).end(),
      /HTTP 302 Found: no words/,
    ],
    [
      'no JSON',
      (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Log in</h1>'),
      /the answer is no JSON but text\/html: <h1>Log in/,
    ],
    [
      'truncated JSON',
      (response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"metadata": {'),
      /the answer is no JSON but application\/json/,
    ],
    [
      'a body that ends too early',
      (response) => {
        response.writeHead(200, { 'content-length': '1000' });
        response.write('{"metadata"');
        setTimeout(() => response.destroy(), 50);
      },
      /connection closed before the end/,
    ],
    [
      'an endless body',
      (response) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end('x'.repeat(10_000_000));
      },
      /the answer is larger than 100000 bytes/,
    ],
    ['silence', () => undefined, /no answer within 1500 ms/],
    [
      'a body that drips',
      (response) => {
        response.writeHead(200);
        const timer = setInterval(() => response.write(' '), 50);
        response.on('close', () => clearInterval(timer));
      },
      /no answer within 1500 ms/,
    ],
  ] as [string, Answer, RegExp][])(
    'is named with place, finding and remedy: %s',
    async ([, answer, words]) => {
      const { target } = await aTarget(answer);
      const message = await target.live('api', signal).catch((error: Error) => error.message);
      expect(message).toMatch(after(words));
      expect(message).not.toContain('hush');
    },
  );

  it('is named when it does not listen', async () => {
    const target = targetOf({ kubeconfig: await aKubeconfig('http://127.0.0.1:1') });
    await expect(target.live('api', signal)).rejects.toThrow(/127\.0\.0\.1:1\/.*: connection refused/);
  });

  it.for([
    ['a short wait', refuse(429, 'wait', { 'retry-after': '1' })],
    ['a blip', refuse(503, 'leader election')],
    ['a token that was just renewed', refuse(401, 'expired')],
  ] as [string, Answer][])('is asked again after %s', async ([, first]) => {
    const { target, asked } = await aTarget((response, request, count) => {
      if (count === 1) first(response, request, count);
      else refuse(404, 'not found')(response, request, count);
    });
    expect((await target.live('api', signal)).configured).toBeNull();
    expect(asked()).toBe(2);
  });

  it('is never told a change twice when it may have been made', async () => {
    const template = { spec: { containers: [{ name: 'web', image: 'web:v1' }] } };
    const workload = { metadata: { uid: 'u', generation: 1 }, spec: { selector: {}, template } };
    const changes: string[] = [];
    const { target } = await aTarget((response, request, count) => {
      if (request.method === 'GET') {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(JSON.stringify(workload));
        return;
      }
      changes.push(request.method ?? '');
      refuse(500, 'lost')(response, request, count);
    });
    await expect(target.restart('api', aStep('k'))).rejects.toThrow(/PATCH .*HTTP 500/);
    expect(changes).toEqual(['PATCH']);
  });

  it('stops being asked when the step is cancelled', async () => {
    const { target } = await aTarget(() => undefined, { timeoutMs: 10_000 });
    const cancel = new AbortController();
    setTimeout(() => cancel.abort(new Error('cancelled by a person')), 200);
    await expect(target.live('api', cancel.signal)).rejects.toThrow('cancelled by a person');
  });
});

describe('a kubeconfig', { timeout: 20_000 }, () => {
  afterEach(cleanUp);

  it('is named when it is not there', async () => {
    const target = targetOf({ kubeconfig: '/no/such/kubeconfig' });
    await expect(target.live('api', signal)).rejects.toThrow(
      /^kubeconfig \/no\/such\/kubeconfig cannot be read: .*ENOENT/,
    );
  });

  it('is asked for a context that it has not', async () => {
    const kubeconfig = await aKubeconfig('http://127.0.0.1:1');
    const target = targetOf({ kubeconfig, context: 'staging' });
    await expect(target.live('api', signal)).rejects.toThrow(/has no context staging; it has prod/);
  });

  it.for([{ 'insecure-skip-tls-verify': true }, {}])(
    'sends its credentials to no link-local address: a cluster with %o',
    async (cluster) => {
      const kubeconfig = await aKubeconfig('https://169.254.1.1:6443', cluster);
      const startedMs = performance.now();
      await expect(targetOf({ kubeconfig }).live('api', signal)).rejects.toThrow(
        '169.254.1.1 is a link-local address, where clouds keep their metadata: it is not asked',
      );
      expect(performance.now() - startedMs).toBeLessThan(4_000);
    },
  );

  it('is not looked for by a worker that has no Kubernetes: the client is loaded with the first question', async () => {
    const { execFile } = await import('node:child_process');
    const { promisify } = await import('node:util');
    const adapter = JSON.stringify(join(import.meta.dirname, '../../../worker/adapters/deploy-target.ts'));
    const code = `
      import { registerHooks } from 'node:module';
      const loaded = [];
      registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
      await import(${adapter});
      console.log(loaded.filter((url) => url.includes('@kubernetes/')).length);
    `;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', code]);
    expect(stdout.trim()).toBe('0');
  });
});

describe('a workload', () => {
  it.for(['web', 'pod/web', 'deployment/', 'deployment/a/b'])('is not named by %s', async (workload) => {
    const target = createKubernetesTarget({ namespace: 'shop', workloads: { api: workload } });
    await expect(target.live('api', signal)).rejects.toThrow(
      `workload ${workload} is none of deployment/NAME, statefulset/NAME, daemonset/NAME`,
    );
  });
});
