import { resolve } from 'node:path';
import { loadConfig } from '../../config/load.ts';
import { policyOf } from '../../config/policy.ts';
import type { ConfigFile } from '../../config/schema/config-file.ts';
import { defaultPolicy, type Policy } from '../../domain/policy.ts';

/** A policy under a name that people know it by. */
export interface NamedPolicy {
  readonly name: string;
  /** With what the product overrides. */
  of(product?: string): Policy;
}

export const shippedPolicy: NamedPolicy = { name: 'the default policy', of: () => defaultPolicy };

/** The policy of a configuration file; its variables need not be set. */
export async function loadPolicy(file: string): Promise<NamedPolicy> {
  const { config } = await loadConfig({ file: resolve(file) });
  return policyIn(file, config.data);
}

export function policyIn(name: string, data: ConfigFile): NamedPolicy {
  return { name, of: (product) => policyOf(data, product) };
}
