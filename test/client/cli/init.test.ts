import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { memoryMb } from '../../../client/cli/init/memory.ts';
import { slug } from '../../../client/cli/init/slug.ts';
import { afterwards, cleanUp, temporaryFolder } from '../../adapters/temporary.ts';
import { runCli } from '../run-cli.ts';
import { runInTerminal } from '../run-in-terminal.ts';

afterEach(cleanUp);

const compose = `services:
  web:
    build: .
    ports: ["127.0.0.1:8080:3000"]
    mem_limit: 512m
    healthcheck: { test: ["CMD", "curl", "-f", "http://localhost:3000/health"] }
  jobs: { build: ./jobs, deploy: { resources: { limits: { memory: 1g } } } }
  db: { image: "postgres:17" }
`;
const manifest = `apiVersion: v1
kind: Service
metadata: { name: web }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: Web-Front }
spec:
  template:
    spec:
      containers:
        - name: web
          ports: [{ containerPort: 8080 }]
          resources: { limits: { memory: 256Mi } }
          readinessProbe: { httpGet: { path: /ready, port: 8080 } }
`;
const kubeconfig = `current-context: prod
contexts: [{ name: prod, context: { cluster: c, user: u, namespace: shop } }]
`;
const prometheus = 'scrape_configs: [{ job_name: prometheus }, { job_name: front }]\n';
/** Nothing of this machine is found by chance. */
const nowhere = { PROMETHEUS_URL: 'http://127.0.0.1:1' };
const command = (script: string) => ({ kind: 'command', live: [script, 'live', '{service}'] });

interface Case {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly services: object;
  readonly says?: readonly string[];
}

const folders: readonly Case[] = [
  {
    name: 'a compose file',
    files: { 'compose.yml': compose },
    services: {
      web: {
        deploy_target: command('./deploy.sh'),
        metrics: { memory_limit_mb: 512 },
        health: { path: '/health' },
      },
      jobs: { metrics: { memory_limit_mb: 1024 } },
    },
    says: ['compose.yml: service web, port 8080, 512 MiB', 'write ./deploy.sh'],
  },
  {
    name: 'manifests of Kubernetes with a kube context',
    files: { 'k8s/web.yaml': manifest, kubeconfig },
    env: { KUBECONFIG: 'kubeconfig' },
    services: {
      'web-front': {
        deploy_target: {
          kind: 'kubernetes',
          context: 'prod',
          namespace: 'shop',
          workload: 'deployment/Web-Front',
          port: 8080,
        },
        metrics: { memory_limit_mb: 256 },
        health: { path: '/ready' },
      },
    },
    says: ['kube context prod, namespace shop'],
  },
  {
    name: 'a prometheus.yml',
    files: { 'prometheus.yml': prometheus, 'go.mod': 'require github.com/prometheus/client_golang v1\n' },
    services: {
      web: { metrics: { kind: 'prometheus', set: 'go', selector: 'job="front"' } },
    },
    says: ['prometheus.yml: jobs prometheus, front'],
  },
  {
    name: 'a systemd unit',
    files: { 'systemd/shop@.service': '[Service]\n' },
    services: { shop: { deploy_target: command('/srv/deploy') } },
    says: ['install /srv/deploy'],
  },
  {
    name: 'a bare Node package with a Dockerfile and a name from elsewhere',
    files: {
      'package.json': JSON.stringify({ name: '@acme/Shop', dependencies: { 'express-prom-bundle': '8' } }),
      Dockerfile:
        'FROM node:24\nEXPOSE 3000/tcp\nHEALTHCHECK CMD curl -f http://localhost:3000/live || exit 1\n',
    },
    services: { 'acme-shop': { deploy_target: command('./deploy.sh'), health: { path: '/live' } } },
    says: ['package.json: @acme/Shop', 'Dockerfile: port 3000'],
  },
  {
    name: 'nothing at all',
    files: {},
    services: { web: { deploy_target: command('./deploy.sh'), health: { path: '/healthz' } } },
    says: ['Found:', 'PROMETHEUS_URL does not answer'],
  },
  {
    name: 'files that are broken',
    files: { 'compose.yml': ': : [', 'package.json': '{', 'k8s/a.yaml': 'kind: [\n', 'prometheus.yml': '\t' },
    services: { web: { deploy_target: command('./deploy.sh') } },
  },
];

async function aFolder(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await temporaryFolder();
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  return folder;
}

async function written(folder: string) {
  const text = await readFile(join(folder, 'rollback-config.yml'), 'utf8');
  return { text, config: parse(text) as { products: Record<string, { services: object }>; github?: object } };
}

describe('init, without a terminal', () => {
  it.each(folders)('writes a file that config check accepts, from $name', async (found) => {
    const folder = await aFolder(found.files);
    const env = { ...nowhere, ...found.env };
    const run = await runCli(['init'], env, folder);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    for (const line of found.says ?? []) expect(run.stdout).toContain(line);
    const { text, config } = await written(folder);
    expect(text).toMatch(/^# yaml-language-server: \$schema=\S+rollback-config\.schema\.json\n/);
    expect(Object.values(config.products)[0]?.services).toMatchObject(found.services);
    const check = await runCli(['config', 'check'], env, folder);
    expect(check).toMatchObject({ code: 0, stderr: '' });
  });

  it('opens issues in the repository of the git remote, and keeps every secret in a variable', async () => {
    const folder = await aFolder({ 'package.json': '{"name":"shop"}' });
    execFileSync('git', ['init', '-q'], { cwd: folder });
    execFileSync('git', ['remote', 'add', 'origin', 'git@github.com:acme/shop.git'], { cwd: folder });
    const env = {
      ...nowhere,
      SLACK_WEBHOOK_URL: 'http://127.0.0.1:9/secret-path',
      GITHUB_TOKEN: 'ghp_secret',
    };
    const run = await runCli(['init', '--json'], env, folder);
    expect(JSON.parse(run.stdout)).toMatchObject({ file: join(folder, 'rollback-config.yml') });
    const { text, config } = await written(folder);
    expect(config.github).toMatchObject({ owner: 'acme', repo: 'shop' });
    expect(text).toContain(`\n    slack_webhook: "\${SLACK_WEBHOOK_URL}"`);
    expect(text).toContain('changes: { kind: git, repository: . }');
    expect(text + run.stdout).not.toMatch(/secret/);
    expect((await runCli(['config', 'check'], env, folder)).code).toBe(0);
  });

  it('takes a deploy script that is there, and a Prometheus that answers', async () => {
    const folder = await aFolder({ deploy: '#!/bin/sh\n' });
    execFileSync('chmod', ['+x', 'deploy'], { cwd: folder });
    const server = createServer((request, response) => response.end(request.url)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    afterwards(() => server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const run = await runCli(['init'], { PROMETHEUS_URL: url }, folder);
    expect(run.stdout).toContain('PROMETHEUS_URL answers');
    const { text } = await written(folder);
    expect(text).toContain('live: [./deploy, live, "{service}"]');
    expect(text).toContain(`url: "\${PROMETHEUS_URL}"`);
  });

  it('does not write over a file without --force, and writes where it is told to', async () => {
    const folder = await aFolder({ 'rollback-config.yml': '# mine\n' });
    const refused = await runCli(['init', '--yes'], nowhere, folder);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('is there already; --force writes over it');
    expect((await written(folder)).text).toBe('# mine\n');
    expect((await runCli(['init', '--yes', '--force'], nowhere, folder)).code).toBe(0);
    const specified = await aFolder({ '.claude/advanced-features/rollback-config.yml': '' });
    const second = await runCli(['init', '--yes'], nowhere, specified);
    expect(second.stderr).toMatch(/there is a configuration already, .*advanced-features/);
    const elsewhere = await runCli(['init', '--yes', '--out', 'deploy/watch.yml'], nowhere, folder);
    expect(elsewhere.stdout).toContain('orchestrator config check --config deploy/watch.yml');
  });
});

describe('init, on a terminal', () => {
  it('asks, takes what was found on Enter, and writes what was answered', async () => {
    const folder = await aFolder({ 'compose.yml': compose.replace(/\n {2}jobs.*/, '') });
    const back = '\\x7f'.repeat(63);
    const { code, said } = await runInTerminal(['init'], nowhere, folder, [
      `as a product?=>${back}shop\\r`,
      `Who owns it=>${back}Ada\\r`,
      'service called?=>\\r',
      'How is web deployed?=>\\r',
      'Which script?=>\\r',
      'is healthy?=>\\r',
      'MiB?=>\\r',
      'measured?=>\\x1b[A\\r',
      'How are people told?=> \\r',
      'roll back by itself?=>\\x1b[B\\r',
      'Write =>\\r',
    ]);
    expect({ code, said }).toMatchObject({ code: 0 });
    const { text, config } = await written(folder);
    expect(config).toMatchObject({
      rollback_policy: { mode: 'observe' },
      products: {
        shop: {
          owner: { name: 'Ada' },
          services: {
            web: { metrics: { kind: 'scrape', memory_limit_mb: 512 }, health: { path: '/health' } },
          },
        },
      },
    });
    expect(text).toContain(`# slack_webhook: "\${SLACK_WEBHOOK_URL}"`);
    expect((await runCli(['config', 'check'], nowhere, folder)).code).toBe(0);
  });

  it('writes nothing when it is left with Ctrl-C', async () => {
    const folder = await aFolder({});
    const { code, said } = await runInTerminal(['init'], nowhere, folder, ['as a product?=>\\x03']);
    expect({ code, said }).toMatchObject({ code: 130 });
    await expect(written(folder)).rejects.toThrow('ENOENT');
  });
});

describe('what is read from files of others', () => {
  it.each([
    ['512m', 512],
    ['1.5g', 1536],
    ['512Mi', 512],
    ['2Gi', 2048],
    [536_870_912, 512],
    ['lots', null],
    [undefined, null],
  ])('memory %s is %s MiB', (text, mb) => expect(memoryMb(text)).toBe(mb));

  it.each([
    ['@acme/Shop Web', 'acme-shop-web'],
    ['__init__', 'init'],
    ['Ünder', 'nder'],
    ['...', 'app'],
    ['x'.repeat(80), 'x'.repeat(63)],
  ])('%s is called %s', (text, name) => expect(slug(text)).toBe(name));
});
