import { execFile } from 'node:child_process';
import { access, constants, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { composeServices } from './compose.ts';
import { dockerfileService } from './dockerfile.ts';
import { filesIn } from './files-in.ts';
import type { Found, FoundService, Where } from './found.ts';
import { kubeContext, kubeServices } from './kubernetes.ts';
import { findPrometheus } from './prometheus.ts';
import { slug } from './slug.ts';

/** Looks at a folder and what is named there. Nothing outside is asked, save a Prometheus on this machine or in PROMETHEUS_URL. */
export async function detect(folder: string, env: NodeJS.ProcessEnv): Promise<Found> {
  const lines: string[] = [];
  const say = (line: string) => void lines.push(line);
  const package_ = await readJson(join(folder, 'package.json'));
  const script = await deployScript(folder, say);
  const context = await kubeContext(env);
  const services = await servicesIn(folder, { script, namespace: context?.namespace ?? 'default', say });
  if (context !== null) say(`kube context ${context.name}, namespace ${context.namespace}`);
  const github = await githubRemote(folder, say);
  return {
    product: slug(typeof package_?.name === 'string' ? package_.name : (github?.repo ?? basename(folder))),
    owner: await ask('git', ['config', '--get', 'user.name'], folder),
    services: services.length > 0 ? services : [await plainService(folder, package_, script, say)],
    namespace: context?.namespace ?? 'default',
    kubeContext: context?.name ?? null,
    prometheus: await findPrometheus(folder, env, say),
    querySet: await querySetOf(folder, package_),
    github,
    isGitRepository: (await ask('git', ['rev-parse', '--git-dir'], folder)) !== null,
    lines,
  };
}

interface Looking {
  readonly script: string | null;
  readonly namespace: string;
  readonly say: (line: string) => void;
}

/** Manifests say the most, then units, then the compose file. */
async function servicesIn(folder: string, { script, namespace, say }: Looking): Promise<FoundService[]> {
  const deployed = await kubeServices(folder, namespace, say);
  if (deployed.length > 0) return deployed;
  const composed = await composeServices(folder, say);
  const units = await unitServices(folder, say);
  const where: Where = { kind: 'command', script };
  return units.length > 0 ? units : composed.map((service) => ({ ...service, where }));
}

async function plainService(
  folder: string,
  package_: Record<string, unknown> | null,
  script: string | null,
  say: (line: string) => void,
): Promise<FoundService> {
  const docker = await dockerfileService(folder, say);
  const name = typeof package_?.name === 'string' ? package_.name : null;
  if (name !== null) say(`package.json: ${name}`);
  const none = { port: null, healthPath: null };
  const service = slug(name ?? 'web');
  return { ...none, ...docker, name: service, where: { kind: 'command', script }, memoryLimitMb: null };
}

async function unitServices(folder: string, say: (line: string) => void): Promise<FoundService[]> {
  const units = await filesIn(folder, ['.', 'systemd', 'deploy', 'etc'], /@?\.service$/);
  return units.map(({ path }) => {
    const name = slug(basename(path).replace(/@?\.service$/, ''));
    say(`${path}: systemd unit ${name}`);
    return { name, where: { kind: 'systemd' }, port: null, memoryLimitMb: null, healthPath: null };
  });
}

async function deployScript(folder: string, say: (line: string) => void): Promise<string | null> {
  for (const name of ['deploy', 'deploy.sh', 'bin/deploy', 'scripts/deploy.sh']) {
    const isProgram = await access(join(folder, name), constants.X_OK).then(
      () => readFile(join(folder, name)).then(Boolean, () => false),
      () => false,
    );
    if (!isProgram) continue;
    say(`${name}: a script that may deploy`);
    return `./${name}`;
  }
  return null;
}

async function githubRemote(folder: string, say: (line: string) => void): Promise<Found['github']> {
  const remote = await ask('git', ['config', '--get', 'remote.origin.url'], folder);
  const [, owner, repo] = /github\.com[:/]([\w.-]+)\/([\w.-]+?)(?:\.git)?\/?$/.exec(remote ?? '') ?? [];
  if (owner === undefined || repo === undefined) {
    const host = /^(?:\w+:\/\/)?(?:[^@/]*@)?([\w.-]+)[:/]/.exec(remote ?? '')?.[1];
    if (host !== undefined)
      say(`git remote: at ${host}, which is not GitHub: incident reports stay in the data folder`);
    return null;
  }
  say(`git remote: ${owner}/${repo} on GitHub`);
  return { owner, repo };
}

const querySetsByDependency: readonly (readonly [dependency: string, set: string])[] = [
  ['express-prom-bundle', 'express'],
  ['prom-client', 'prom-client'],
];

async function querySetOf(folder: string, package_: Record<string, unknown> | null): Promise<string | null> {
  const dependencies = (package_?.dependencies ?? {}) as Record<string, unknown>;
  const known = querySetsByDependency.find(([dependency]) => Object.hasOwn(dependencies, dependency));
  if (known !== undefined) return known[1];
  const goModule = await readText(join(folder, 'go.mod'));
  if (goModule?.includes('prometheus/client_golang')) return 'go';
  const java = `${await readText(join(folder, 'pom.xml'))}${await readText(join(folder, 'build.gradle'))}`;
  return java.includes('micrometer-registry-prometheus') ? 'spring-boot' : null;
}

async function ask(program: string, args: readonly string[], cwd: string): Promise<string | null> {
  const answer = promisify(execFile)(program, args, { cwd, timeout: 2_000 });
  return answer.then(
    ({ stdout }) => stdout.trim() || null,
    () => null,
  );
}

async function readJson(file: string): Promise<Record<string, unknown> | null> {
  try {
    const value: unknown = JSON.parse((await readText(file)) ?? '');
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

async function readText(file: string): Promise<string | null> {
  return readFile(file, 'utf8').catch(() => null);
}
