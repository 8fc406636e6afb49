import type { Config } from '../config/load.ts';
import type { Env } from '../config/references.ts';
import type { DeploymentMapping } from '../domain/github-deployment.ts';
import { defaultEnvironment } from '../domain/identity.ts';

/** What is taken from GitHub's webhooks. */
export interface GitHubHookSettings {
  readonly secret: string;
  readonly mappings: readonly DeploymentMapping[];
}

/** Of the newest configuration; `null` where there is no secret, or its variable is not set. */
export function gitHubHookSettings(config: Config, env: Env): GitHubHookSettings | null {
  const { webhook_secret: written, deployments = [] } = config.data.github ?? {};
  if (written === undefined) return null;
  try {
    return {
      secret: config.text(written, env),
      mappings: deployments.map((entry) => ({
        repository: config.text(entry.repository, env),
        gitHubEnvironment: config.text(entry.environment ?? defaultEnvironment, env),
        product: entry.product,
        environment: entry.product_environment ?? defaultEnvironment,
        service: entry.service ?? null,
        release: entry.release,
      })),
    };
  } catch {
    return null;
  }
}
