import type { Finding } from './findings.ts';
import { type Env, referencesIn } from './references.ts';
import { keyText, type Path, readYaml, type YamlFile } from './yaml-file.ts';

const secretName =
  /token|secret|passw|credential|webhook|api_?key|app_?key|access_?key|private_?key|routing_key|_dsn$|smtp_url|database_url|_store$/i;
const secretPlaces = [
  /(^|\.)(token|secret|password|client_secret|slack_webhook|webhook|watchdog_url|routing_key|signing_secret)$/,
  /_(token|secret|password|key)$/,
  /(^|\.)(webhooks\[\d+\]|cdevents)\.url$/,
  /(^|\.)headers\.(authorization|cookie|x-[\w-]*(key|token)[\w-]*)$/i,
];

/** What is handed to a command or sent along, where its key or the header says so: whatever the variable is called. */
const passedOn = /(^|\.)headers\.[^.]+$/;

/**
 * Every value that must be seen nowhere: of environment variables that are called like one, and of those that the configuration puts where
 * one belongs.
 */
export function secretsOf(source: string, env: Env): string[] {
  const { texts } = readYaml(source, 'the configuration');
  const values = (text: string) => referencesIn(text).map(({ name }) => env[name] ?? '');
  const placed = texts.flatMap(({ path, text }) => {
    if (isSecretPlace(path)) return [...values(text), written(text)];
    return passedOn.test(keyText(path)) || secretName.test(String(path.at(-1))) ? values(text) : [];
  });
  return [...secretsOfEnvironment(env), ...placed.flatMap(partsOf)];
}

/** Of environment variables that are called like one. */
export function secretsOfEnvironment(env: Env): string[] {
  return Object.entries(env)
    .filter(([name]) => secretName.test(name))
    .flatMap(([, value]) => partsOf(value ?? ''));
}

/** A secret that stands in the file would stand in the store, too, and in every copy of the file. */
export function writtenSecrets(yaml: YamlFile): Finding[] {
  return yaml.texts
    .filter(({ path, text }) => isSecretPlace(path) && isSecret(written(text)))
    .map(({ path }) =>
      yaml.at(
        path,
        `found a secret written out; allowed: a reference like \${NAME} to a variable that holds it`,
      ),
    );
}

/** An address is one only where a part of it cannot be guessed. */
function isSecret(text: string): boolean {
  if (!URL.canParse(text) || isOnThisMachine(text)) return text !== '' && !isOnThisMachine(text);
  const { password, pathname, search } = new URL(text);
  return password !== '' || /[\w-]{20,}/.test(pathname + search);
}

function isSecretPlace(path: Path): boolean {
  const key = keyText(path);
  return secretPlaces.some((place) => place.test(key));
}

/** The text where it refers to nothing. */
function written(text: string): string {
  return referencesIn(text).length === 0 ? text : '';
}

/** Of an address: the password, or else, where the path is the secret as with webhooks, the whole. Of anything else: all of it. */
function partsOf(value: string): string[] {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(value) || !URL.canParse(value)) return [value];
  const { password, pathname, search, protocol } = new URL(value);
  if (password !== '') return [value, password, decodeURIComponent(password)];
  const isSecretPath =
    protocol.startsWith('http') && (pathname + search).length > 8 && !isOnThisMachine(value);
  return isSecretPath ? [value, pathname + search, pathname] : [];
}

function isOnThisMachine(text: string): boolean {
  return URL.canParse(text) && /^(localhost|127\.0\.0\.1|\[::1\])$/.test(new URL(text).hostname);
}
