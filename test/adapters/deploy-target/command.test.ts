import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type CommandTargetOptions, createCommandTarget } from '../../../adapters/deploy-target/command.ts';
import { groupMembers, processTable } from '../../../adapters/process-table.ts';
import { afterwards, cleanUp, eventually, freePorts, temporaryFolder } from '../temporary.ts';
import { describeDeployTarget } from './deploy-target.contract.ts';
import { folderHarness } from './folder-harness.ts';
import { aStep, sampleCommand } from './sample-service.ts';

const signal = AbortSignal.timeout(600_000);
const node = process.execPath;

/** A deploy script as a team might have it, here over the folders of the local-process target. */
const script = (root: string, basePort: number) => `
import { createLocalProcessTarget } from ${JSON.stringify(join(import.meta.dirname, '../../../adapters/deploy-target/local-process.ts'))};
const services = { api: { command: ${JSON.stringify(sampleCommand)}, instances: 2, basePort: ${basePort} } };
const target = createLocalProcessTarget({ root: ${JSON.stringify(root)}, services });
const [verb, service, ...rest] = process.argv.slice(2);
const signal = AbortSignal.timeout(60_000);
const step = (key) => ({ key, signal, heartbeat: (word) => console.log(word) });
const verbs = {
  live: async () => console.log(JSON.stringify(await target.live(service, signal))),
  restorable: async () => {
    const { restorable, reason } = await target.restorable(service, rest[0], signal);
    console.log(reason);
    process.exitCode = restorable ? 0 : 1;
  },
  restore: () => target.restore(service, rest[0], step(rest[1])),
  restart: () => target.restart(service, step(rest[0])),
};
await verbs[verb]();
`;

describeDeployTarget('command', async () => {
  const root = await temporaryFolder();
  const deploy = join(root, 'deploy.mjs');
  await writeFile(deploy, script(root, await freePorts(2)));
  const run = (...args: string[]) => [node, deploy, ...args];
  const target = createCommandTarget({
    live: run('live', '{service}'),
    restorable: run('restorable', '{service}', '{release}'),
    restore: run('restore', '{service}', '{release}', '{key}'),
    restart: run('restart', '{service}', '{key}'),
  });
  return folderHarness(root, target);
});

/** A target whose four commands are the same piece of Node code. */
function targetRunning(code: string, change: Partial<CommandTargetOptions> = {}) {
  const argv = [node, '--eval', code];
  return createCommandTarget({ live: argv, restorable: argv, restore: argv, restart: argv, ...change });
}

describe('command', { timeout: 20_000 }, () => {
  afterEach(cleanUp);

  it('takes one line for the release and shows one instance', async () => {
    const live = await targetRunning("console.log('v41')").live('api', signal);
    expect(live).toEqual({
      configured: 'v41',
      instances: [{ id: 'api', release: 'v41', running: true, url: null }],
    });
  });

  it.for([
    ["console.log('')", /should print JSON or one line with the release, not: nothing/],
    ["console.log('a\\nb')", /not: a/],
    ["console.log('{broken')", /printed what is no JSON: /],
    ["console.log(JSON.stringify({ configured: 'v1' }))", /instances/],
    ["console.log('x'.repeat(100_000)); process.exit(4)", /exited with 4/],
  ] as const)('refuses the output of %s', async ([code, message]) => {
    await expect(targetRunning(code).live('api', signal)).rejects.toThrow(message);
  });

  it('never lets a shell read a name, and fills in each placeholder once', async () => {
    const root = await temporaryFolder();
    const file = join(root, 'seen.json');
    const code = `require('fs').writeFileSync(${JSON.stringify(file)}, JSON.stringify(process.argv.slice(1)))`;
    const target = targetRunning(code, {
      restore: [node, '--eval', code, '--', '{service}', 'to={release}', '{key}', '{other}'],
    });
    await target.restore('api', 'v1; touch {key} $(reboot)', aStep('k/1'));
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual([
      'api',
      'to=v1; touch {key} $(reboot)',
      'k/1',
      '{other}',
    ]);
  });

  it('refuses a placeholder that means nothing to the command', async () => {
    const target = targetRunning('', { restart: [node, '--version', '{release}'] });
    await expect(target.restart('api', aStep('k'))).rejects.toThrow(
      /\{release\} in "\{release\}" is not known/,
    );
  });

  it('names command, exit code and last words of a command that failed', async () => {
    const target = targetRunning("console.error('disk full'); process.exit(7)");
    await expect(target.restart('api', aStep('k'))).rejects.toThrow(
      /node --eval .* exited with 7: disk full/,
    );
  });

  it('names a command that cannot be started', async () => {
    const target = createCommandTarget({ live: ['/no/such'], restorable: [], restore: [], restart: [] });
    await expect(target.live('api', signal)).rejects.toThrow(/"\/no\/such" could not be started: .*ENOENT/);
  });

  it('takes the output for the reason why a release is not restorable', async () => {
    const target = targetRunning("console.log('image v1 was pruned'); process.exit(1)");
    expect(await target.restorable('api', 'v1', signal)).toEqual({
      restorable: false,
      reason: 'image v1 was pruned',
    });
  });

  it('does not take a command that was killed for an answer', async () => {
    const target = targetRunning("process.kill(process.pid, 'SIGKILL')");
    await expect(target.restorable('api', 'v1', signal)).rejects.toThrow(/was ended by a signal/);
  });

  it('keeps head and tail of endless output in bounded memory', async () => {
    const code = `
      process.stdout.write('the beginning');
      for (let i = 0; i < 400; i += 1) process.stdout.write('x'.repeat(65_536));
      process.stdout.write('the end');
      process.exitCode = 1;
    `;
    const target = targetRunning(code, { outputLimitBytes: 800 });
    const { reason } = await target.restorable('api', 'v1', signal);
    expect(reason).toMatch(/^the beginning.*bytes left out.*the end$/s);
    expect(reason.length).toBeLessThan(1_000);
  });

  it('stops the whole process group at the time limit, also what ignores SIGTERM', async () => {
    const root = await temporaryFolder();
    const file = join(root, 'pids');
    const code = `
      const { spawn } = require('child_process');
      const child = spawn('/bin/sh', ['-c', 'trap "" TERM; while :; do sleep 0.1; done']);
      require('fs').writeFileSync(${JSON.stringify(file)}, process.pid + ' ' + child.pid);
      console.log('half way');
      setInterval(() => {}, 1_000);
    `;
    const target = targetRunning(code, { timeLimitMs: 700 });
    await expect(target.restart('api', aStep('k'))).rejects.toThrow(
      /stopped at its limit of 700 ms: half way/,
    );
    const [group = 0, child = 0] = (await readFile(file, 'utf8')).split(' ').map(Number);
    expect(groupMembers(group)).toEqual([]);
    expect(processTable.find(child)).toBeNull();
  });

  it('stops the command before it throws when the step is cancelled', async () => {
    const root = await temporaryFolder();
    const file = join(root, 'pid');
    const code = `require('fs').writeFileSync(${JSON.stringify(file)}, String(process.pid)); setInterval(() => {}, 1_000)`;
    const cancel = new AbortController();
    const restarted = targetRunning(code).restart('api', aStep('k', cancel.signal));
    restarted.catch(() => undefined);
    const pid = Number(await eventually(() => readFile(file, 'utf8').catch(() => null)));
    cancel.abort(new Error('cancelled by a person'));
    await expect(restarted).rejects.toThrow('cancelled by a person');
    expect(processTable.find(pid)).toBeNull();
  });

  it('does not wait for a daemon that the command left behind, and lets it live', async () => {
    const code = `
      const { spawn } = require('child_process');
      const child = spawn('/bin/sleep', ['30'], { stdio: 'inherit' });
      child.unref();
      console.log(child.pid);
    `;
    const startedMs = performance.now();
    const { reason } = await targetRunning(code).restorable('api', 'v1', signal);
    const daemon = Number(reason);
    afterwards(() => process.kill(daemon, 'SIGKILL'));
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    expect(processTable.find(daemon)).not.toBeNull();
  });

  it('tells by heartbeat the last line that the command printed', async () => {
    const step = aStep('k');
    await targetRunning("console.log('draining node 3'); setTimeout(() => {}, 2_500)").restart('api', step);
    expect(step.heard).toContain('draining node 3');
  });

  it('gives a command only its own environment, PATH and HOME', async () => {
    process.env.ROLLBACK_TEST_SECRET = 'hush';
    afterwards(() => delete process.env.ROLLBACK_TEST_SECRET);
    const root = await temporaryFolder();
    const cwd = join(root, 'work');
    await mkdir(cwd);
    const target = targetRunning('console.log(Object.keys(process.env).sort().join(), process.cwd())', {
      env: { KUBECONFIG: '/k' },
      cwd,
    });
    const { reason } = await target.restorable('api', 'v1', signal);
    expect(reason).toBe(
      `${['HOME', 'KUBECONFIG', 'PATH'].filter((n) => n in process.env || n === 'KUBECONFIG').join()} ${cwd}`,
    );
  });
});
