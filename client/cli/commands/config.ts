import { findConfigFile } from '../../../config/find-config-file.ts';
import { loadConfig } from '../../../config/load.ts';
import { type CommonOptions, dataFolder, print } from '../context.ts';
import { CommandFailure, exitCode } from '../exit-codes.ts';
import { storeLocation } from '../system.ts';

/** `orchestrator config check`: all problems with their lines, exit code 2; or what it would do. */
export async function config([what]: string[], options: CommonOptions): Promise<void> {
  if (what !== 'check')
    throw new CommandFailure(exitCode.usage, `config ${JSON.stringify(what)}: allowed is check`);
  const file = findConfigFile({ flag: options.config, env: process.env, cwd: process.cwd() });
  const { config: found, warnings } = await loadConfig({
    file,
    env: process.env,
    store: storeLocation(dataFolder(options)),
  });
  const products = Object.keys(found.data.products ?? {});
  const lines = [
    ...warnings.map((warning) => `warning: ${warning.file}:${warning.line}: ${warning.message}`),
    `${file} is valid; products: ${products.join(', ') || 'none'}`,
  ];
  print(options, { file, products, warnings }, lines.join('\n'));
}
