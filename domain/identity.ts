/** What a product, an environment, a deployment, a service and a release may be called. */
export const identifierPattern = /^[a-z0-9][a-z0-9._-]{0,62}$/;

export const defaultEnvironment = 'production';

/** A product in one environment: the thing that is deployed, owned, paused and rolled back. */
export interface ProductKey {
  readonly product: string;
  readonly environment: string;
}

/** One deployment of a product. */
export interface DeploymentKey extends ProductKey {
  readonly deployment: string;
}

/** A sentence saying what is wrong with an identifier, or `null` when it is fine. */
export function identifierProblem(what: string, value: string): string | null {
  if (identifierPattern.test(value)) return null;
  return (
    `${what} ${JSON.stringify(value)} is not a valid identifier: it must start with a lower-case letter or a digit ` +
    'and contain only lower-case letters, digits, ".", "_" and "-", at most 63 characters'
  );
}

export function monitorWorkflowId(key: DeploymentKey): string {
  return `monitor/${key.product}/${key.environment}/${key.deployment}`;
}

/** The watch without action that follows a monitor. */
export function standbyWorkflowId({ product, environment, deployment }: DeploymentKey): string {
  return `standby/${product}/${environment}/${deployment}`;
}

export function rollbackWorkflowId(key: ProductKey): string {
  return `rollback/${key.product}/${key.environment}`;
}

/** Begins the ids of the gate's questions. */
export function readinessWorkflowId(key: ProductKey): string {
  return `readiness/${key.product}/${key.environment}`;
}

export function postMortemWorkflowId(incident: string): string {
  return `post-mortem/${incident}`;
}

/** How a product is written in sentences: `shop`, or `shop (staging)` outside production. */
export function productName(key: ProductKey): string {
  return key.environment === defaultEnvironment ? key.product : `${key.product} (${key.environment})`;
}
