import { NativeConnection } from '@temporalio/worker';
import type { ReadinessCheck } from '../../../domain/readiness.ts';
import { searchAttributeNames } from '../../../worker/prepare-namespace.ts';
import { type ConfiguredServer, findTemporal } from '../../../worker/temporal-server.ts';
import { type CommonOptions, print } from '../context.ts';
import { exitCode } from '../exit-codes.ts';
import { openSystem, type System } from '../system.ts';

interface Finding {
  readonly what: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** Looks at everything a rollback will need, before it is needed. */
export async function doctor(_args: string[], options: CommonOptions & { fetch?: boolean }): Promise<void> {
  const findings: Finding[] = [{ what: 'node', ok: true, detail: process.version }];
  if (process.env.TEMPORAL_DEBUG)
    findings.push({
      what: 'TEMPORAL_DEBUG',
      ok: false,
      detail: 'is set: workflows run without time limits and slowly',
    });
  findings.push(await look('temporal', () => temporal(options.fetch ?? false)));
  let system: System | null = null;
  findings.push(
    await look('configuration and store', async () => {
      system = await openSystem(options, 'own');
      await system.store.check();
      return `${system.config.file}, ${system.store.dialect}`;
    }),
  );
  if (system !== null) findings.push(...(await lookAtProducts(system)));
  await (system as System | null)?.close();
  const text = findings.map(
    (finding) => `${finding.ok ? 'ok  ' : 'FAIL'} ${finding.what}: ${finding.detail}`,
  );
  const attributes = searchAttributeNames.map((name) => `--name ${name} --type Keyword`).join(' ');
  text.push(
    `     search attributes, where registering is refused: temporal operator search-attribute create ${attributes}`,
  );
  print(options, findings, text.join('\n'));
  if (findings.some((finding) => !finding.ok)) process.exitCode = exitCode.failure;
}

async function temporal(fetch: boolean): Promise<string> {
  const lines: string[] = [];
  const found = await findTemporal({ say: (line) => lines.push(line) });
  if (found.kind === 'configured') await askNamespace(found);
  return `${found.found}${fetch ? ' (ready)' : ''}${lines.length > 0 ? ` [${lines.join('; ')}]` : ''}`;
}

/** A server that is configured but not there would be found out only by the first rollback. */
async function askNamespace({ connection: options, namespace, found }: ConfiguredServer): Promise<void> {
  const connection = await NativeConnection.connect(options).catch((error: unknown) => {
    throw new Error(`${found} does not answer`, { cause: error });
  });
  try {
    await connection.workflowService.describeNamespace({ namespace });
  } finally {
    await connection.close();
  }
}

async function lookAtProducts({ catalog, warnings }: System): Promise<Finding[]> {
  const findings: Finding[] = warnings.map((detail) => ({
    what: 'configuration',
    ok: true,
    detail: `warning: ${detail}`,
  }));
  for (const key of await catalog.products()) {
    const setup = await catalog.setup(key);
    for (const { service, target, metrics, probe, traffic } of setup.services) {
      const name = `${key.product}/${service}`;
      const signal = AbortSignal.timeout(15_000);
      findings.push(
        await look(`${name} target`, async () => {
          const live = await target.live(service, signal);
          return `${live.configured ?? 'nothing'} configured, ${live.instances.filter((instance) => instance.running).length} instances running`;
        }),
        ...(await checksOf(`${name} target`, () => target.checks?.(service, signal))),
        await look(`${name} metrics`, async () => {
          const { instances } = await target.live(service, signal);
          const answer = await metrics.measure({ ...key, service, instances, cursor: null, signal });
          if (answer.kind !== 'measured') throw new Error(`${answer.kind}: ${answer.reason}`);
          return 'readable';
        }),
        await look(`${name} health`, async () => {
          const { instances } = await target.live(service, signal);
          const sick = (await probe.probe(instances, signal)).filter((entry) => !entry.healthy);
          if (sick.length > 0)
            throw new Error(sick.map((entry) => `${entry.instance} ${entry.detail}`).join(', '));
          return `${instances.length} instances healthy`;
        }),
      );
      if (traffic !== null) {
        findings.push(
          await look(`${name} traffic`, async () => {
            const state = await traffic.state(service, signal);
            return state.maintenance ? 'in maintenance' : 'serving';
          }),
          ...(await checksOf(`${name} traffic`, () => traffic.checks?.(service, signal))),
        );
      }
    }
  }
  return findings;
}

async function checksOf(
  what: string,
  ask: () => Promise<readonly ReadinessCheck[]> | undefined,
): Promise<Finding[]> {
  try {
    const checks = (await ask()) ?? [];
    return checks.map(({ name, ok, detail }) => ({ what: `${what}: ${name}`, ok, detail }));
  } catch (error) {
    return [{ what, ok: false, detail: error instanceof Error ? error.message : String(error) }];
  }
}

async function look(what: string, ask: () => Promise<string>): Promise<Finding> {
  try {
    return { what, ok: true, detail: await ask() };
  } catch (error) {
    return { what, ok: false, detail: error instanceof Error ? error.message : String(error) };
  }
}
