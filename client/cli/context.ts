import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { defaultEnvironment, type ProductKey } from '../../domain/identity.ts';
import { createRollbackClient, type RollbackClient } from '../rollback-client.ts';
import { CommandFailure, exitCode } from './exit-codes.ts';

/** Options that every command has. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly data?: string;
  readonly api?: string;
  readonly environment?: string;
  readonly config?: string;
}

export function dataFolder(options: CommonOptions): string {
  return resolve(options.data ?? process.env.ORCHESTRATOR_DATA ?? '.orchestrator');
}

/** Where the running `orchestrator up` of this data folder says how it is reached. */
export function apiFile(folder: string): string {
  return join(folder, 'api.json');
}

export function tokenFile(folder: string): string {
  return join(folder, 'api-token');
}

/** The API that `--api`, `ORCHESTRATOR_API` or the data folder names, with its token. A person is told at once when it does not answer. */
export function apiClient(options: CommonOptions): RollbackClient {
  return createRollbackClient({ ...apiPlace(options), retryForMs: 0 });
}

export function apiPlace(options: CommonOptions): { readonly url: string; readonly token: string } {
  const folder = dataFolder(options);
  const url = options.api ?? process.env.ORCHESTRATOR_API ?? readUrl(folder);
  const token = process.env.ORCHESTRATOR_TOKEN ?? readToken(folder);
  return { url, token };
}

export function scopeOf(product: string, options: CommonOptions): ProductKey {
  return { product, environment: options.environment ?? defaultEnvironment };
}

export function whoAmI(): string {
  try {
    return process.env.ORCHESTRATOR_USER ?? userInfo().username;
  } catch {
    return 'a person';
  }
}

/** Data goes to stdout: as JSON for programs, as text for people. */
export function print(options: CommonOptions, value: unknown, text: string): void {
  process.stdout.write(options.json ? `${JSON.stringify(value, null, 2)}\n` : `${text}\n`);
}

function readUrl(folder: string): string {
  try {
    return (JSON.parse(readFileSync(apiFile(folder), 'utf8')) as { url: string }).url;
  } catch {
    throw new CommandFailure(
      exitCode.unavailable,
      `no API is known: give --api URL, set ORCHESTRATOR_API, or run "orchestrator up" (looked for ${apiFile(folder)})`,
    );
  }
}

function readToken(folder: string): string {
  try {
    return readFileSync(tokenFile(folder), 'utf8').trim();
  } catch {
    throw new CommandFailure(
      exitCode.usage,
      `no API token: set ORCHESTRATOR_TOKEN (looked for ${tokenFile(folder)})`,
    );
  }
}
