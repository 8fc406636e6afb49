import type { Finding } from './findings.ts';
import { valueAt } from './schema-problems.ts';
import { keyText, type Path, type YamlFile } from './yaml-file.ts';

/** Environment variables by name. */
export type Env = Readonly<Record<string, string | undefined>>;

const referencePattern = /(\$?)\$\{([^}]*)(\}?)/g;
const namePattern = /^[A-Za-z_][A-Za-z0-9_]*$/;

interface Reference {
  readonly name: string;
  readonly wellFormed: boolean;
}

/** The variables that a text refers to by `${NAME}`; `$${` is a plain `${`. */
export function referencesIn(text: string): Reference[] {
  return [...text.matchAll(referencePattern)]
    .filter(([, dollar]) => dollar === '')
    .map(([, , name = '', end]) => ({ name, wellFormed: end === '}' && namePattern.test(name) }));
}

/** Puts the variables in; `missing` throws for one that is not set. An empty one counts as not set. */
export function resolveReferences(text: string, env: Env, missing: (name: string) => never): string {
  return text.replace(referencePattern, (whole, dollar: string, name: string) => {
    if (dollar !== '') return whole.slice(1);
    return env[name] || missing(name);
  });
}

/** For each variable the line that first refers to it. */
export function referenceLines(yaml: YamlFile): ReadonlyMap<string, number> {
  const lines = new Map<string, number>();
  for (const { path, text } of yaml.texts) {
    for (const { name } of referencesIn(text)) {
      if (!lines.has(name)) lines.set(name, yaml.at(path, '').line);
    }
  }
  return lines;
}

export function malformedReferences(yaml: YamlFile): Finding[] {
  return yaml.texts
    .filter(({ text }) => referencesIn(text).some(({ wellFormed }) => !wellFormed))
    .map(({ path }) => {
      const message = `found a reference that is not one; allowed: \${NAME} with letters, digits and "_" (and $\${ for a plain \${)`;
      return yaml.at(path, message);
    });
}

/** Variables that are not set, save where they feed something that is off. Each is a problem, GitHub's token a warning. */
export function missingVariables(yaml: YamlFile, env: Env): { problems: Finding[]; warnings: Finding[] } {
  const needed = yaml.texts.filter(({ path }) => !isOff(path, yaml.value, env));
  const missing = needed.flatMap(({ path, text }) =>
    [
      ...new Set(
        referencesIn(text)
          .filter(({ name, wellFormed }) => wellFormed && !env[name])
          .map(({ name }) => name),
      ),
    ].map((name) => ({ path, name, optional: keyText(path) === 'github.token' })),
  );
  const problem = ({ path, name }: { path: Path; name: string }) =>
    yaml.at(
      path,
      `found a reference to the environment variable ${name}, which is not set; allowed: one that is set`,
    );
  const warning = ({ path, name }: { path: Path; name: string }) =>
    yaml.at(
      path,
      `the environment variable ${name} is not set: no issues are opened, reports go to incidents_folder`,
    );
  return {
    problems: missing.filter(({ optional }) => !optional).map(problem),
    warnings: missing.filter(({ optional }) => optional).map(warning),
  };
}

function isOff(path: Path, value: unknown, env: Env): boolean {
  const key = keyText(path);
  const ceoChannel = /^rollback_policy\.notifications\.(slack_webhook|email)$/.test(key);
  if (ceoChannel && valueAt(value, ['rollback_policy', 'notifications', 'ceo_alert']) === false) return true;
  // Without a mail server nobody is mailed, which is a warning of its own.
  const isEmail =
    key === 'rollback_policy.notifications.email' || (path[2] === 'owner' && path[3] === 'email');
  if (isEmail && !env.SMTP_URL) return true;
  return (
    path[0] === 'products' &&
    path[2] === 'services' &&
    valueAt(value, [...path.slice(0, 4), 'enabled']) === false
  );
}
