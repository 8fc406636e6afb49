import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { usualPlaces } from '../../../config/find-config-file.ts';
import { parseConfig } from '../../../config/load.ts';
import { type CommonOptions, print, whoAmI } from '../context.ts';
import { CommandFailure, exitCode } from '../exit-codes.ts';
import { assumed } from '../init/answers.ts';
import { detect } from '../init/detect.ts';
import type { Found } from '../init/found.ts';
import { type WrittenConfig, writeConfig } from '../init/write-config.ts';

interface Options extends CommonOptions {
  readonly yes?: boolean;
  readonly force?: boolean;
  readonly out: string;
}

/** Looks around, asks what it cannot know, and writes a configuration that is valid as it is. */
export async function init(_args: string[], options: Options): Promise<void> {
  const file = resolve(options.out);
  if (options.force !== true) refuseWhereOneIs(file);
  const found = await detect(process.cwd(), process.env);
  const isAsking =
    options.yes !== true && options.json !== true && process.stdin.isTTY && process.stdout.isTTY;
  if (isAsking) return initWithPeople(found, file);
  const written = writeConfig(assumed(found, whoAmI()), surroundingsOf(file));
  await save(file, written);
  print(options, { file, found: found.lines, toDo: written.toDo }, summary(file, found, written));
}

/** A second file in one of the usual places would quietly come before the first, or after it. */
function refuseWhereOneIs(file: string): void {
  if (existsSync(file))
    throw new CommandFailure(exitCode.failure, `${file} is there already; --force writes over it`);
  const other = usualPlaces.map((place) => resolve(place)).find((place) => existsSync(place));
  if (other !== undefined && usualPlaces.some((place) => resolve(place) === file))
    throw new CommandFailure(
      exitCode.failure,
      `there is a configuration already, ${other}; --force writes ${file} beside it`,
    );
}

async function initWithPeople(found: Found, file: string): Promise<void> {
  // Only here: prompts need time to load.
  const { askPeople, confirmed, say } = await import('../init/ask-people.ts');
  const written = writeConfig(await askPeople(found, whoAmI()), surroundingsOf(file));
  if (!(await confirmed(`Write ${file}?`)))
    throw new CommandFailure(exitCode.interrupted, 'nothing was written');
  await save(file, written);
  if (written.toDo.length > 0) say(written.toDo.join('\n'), 'Left for you');
  say(`Written: ${file}\n   Next: ${nextSteps(file)}`);
}

async function save(file: string, { text }: WrittenConfig): Promise<void> {
  const { problems } = parseConfig(text, { file, env: process.env });
  // A mistake of ours must not become the user's riddle.
  if (problems.length > 0)
    throw new CommandFailure(
      exitCode.failure,
      `nothing was written, for it would not be valid: ${problems.map(({ message }) => message).join('; ')}`,
    );
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
}

function surroundingsOf(file: string) {
  return { env: process.env, schema: schemaFrom(dirname(file)) };
}

/** Beside the package where that is near; else where npm would put it. */
function schemaFrom(folder: string): string {
  const published = 'node_modules/rollback-orchestrator/docs/rollback-config.schema.json';
  if (existsSync(resolve(folder, published))) return published;
  for (const place of ['../../../docs/', '../../../../docs/']) {
    const schema = fileURLToPath(new URL(`${place}rollback-config.schema.json`, import.meta.url));
    const path = relative(folder, schema);
    if (existsSync(schema) && !path.startsWith('../../..')) return path.startsWith('.') ? path : `./${path}`;
  }
  return published;
}

function summary(file: string, found: Found, { toDo }: WrittenConfig): string {
  return [
    ...(found.lines.length === 0 ? ['Found nothing that says how it is deployed.'] : ['Found:']),
    ...found.lines.map((line) => `  ${line}`),
    `Assumed: product ${found.product}, services ${found.services.map(({ name }) => name).join(', ')}.`,
    ...(toDo.length === 0 ? [] : ['Left for you:', ...toDo.map((line) => `  ${line}`)]),
    `Written: ${file}`,
    `Next: ${nextSteps(file)}`,
  ].join('\n');
}

function nextSteps(file: string): string {
  const at = relative(process.cwd(), file);
  const flag = at === 'rollback-config.yml' ? '' : ` --config ${at}`;
  return `orchestrator config check${flag}, then orchestrator up${flag}`;
}
