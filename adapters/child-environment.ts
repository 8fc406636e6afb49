/**
 * What a child process is told: the given names plus PATH and HOME. Nothing else is inherited, so that the
 * worker's secrets (tokens, database and mail passwords) stay with the worker.
 */
export function childEnvironment(given: Readonly<Record<string, string>>): Record<string, string> {
  const { PATH, HOME } = process.env;
  return { ...(PATH === undefined ? {} : { PATH }), ...(HOME === undefined ? {} : { HOME }), ...given };
}
