import { execFileSync } from 'node:child_process';

/** What the workflow gave, as the runner hands it over; throws a sentence with what is allowed. */
export function readInputs(env) {
  const input = (name) => (env[`INPUT_${name.toUpperCase()}`] ?? '').trim();
  const command = input('command');
  if (command !== 'gate' && command !== 'deployed')
    throw new Error(`command: found ${JSON.stringify(command)}; allowed are gate and deployed`);
  const releases = releasesOf(input('release'), input('services'));
  if (command === 'deployed' && releases === null) throw new Error('give release, or services');
  return {
    command,
    apiUrl: urlOf(needed('api-url', input)),
    product: encodeURIComponent(needed('product', input)),
    environment: encodeURIComponent(input('environment') || 'production'),
    releases: releases ?? {},
    deployment: (input('deployment') || `${env.GITHUB_RUN_ID}-${env.GITHUB_RUN_ATTEMPT}`).toLowerCase(),
    // Said once, so that a report that has to be repeated says the same.
    deployedAt: timeOf('deployed-at', input('deployed-at')) ?? new Date().toISOString(),
    changedAt: timeOf('changed-at', input('changed-at')) ?? commitTime(env),
    waitMs: minutesOf(input('wait-minutes')) * 60_000,
    failOn: (input('fail-on') || 'rolled_back,needs_attention').split(',').map((outcome) => outcome.trim()),
    audience: input('audience') || 'rollback-orchestrator',
    token: input('token'),
  };
}

function needed(name, input) {
  const value = input(name);
  if (value === '') throw new Error(`the input ${name} is needed`);
  return value;
}

function urlOf(text) {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text.replace(/\/+$/, '');
  throw new Error(
    `api-url: found ${JSON.stringify(text)}; allowed is an address like https://rollback.example.com`,
  );
}

/** `release`, or `services` as a JSON object or in lines of `service=release`; `null`: neither. */
function releasesOf(release, services) {
  if (release !== '' && services !== '') throw new Error('give either release or services');
  if (release !== '') return { release };
  if (services === '') return null;
  if (services.startsWith('{')) return { services: JSON.parse(services) };
  const lines = services.split(/[\n,]/).filter((line) => line.trim() !== '');
  const pairs = lines.map((line) => /^\s*([\w.-]+)\s*[=:]\s*["']?([\w.-]+)["']?\s*$/.exec(line)?.slice(1, 3));
  const wrong = lines[pairs.indexOf(undefined)];
  if (wrong !== undefined)
    throw new Error(`services: found ${JSON.stringify(wrong.trim())}; allowed are lines of service=release`);
  return { services: Object.fromEntries(pairs) };
}

function timeOf(name, text) {
  if (text === '') return null;
  const atMs = Date.parse(text);
  if (Number.isNaN(atMs))
    throw new Error(`${name}: found ${JSON.stringify(text)}; allowed is a time in ISO 8601`);
  return new Date(atMs).toISOString();
}

function minutesOf(text) {
  const minutes = Number(text || '0');
  if (minutes >= 0 && minutes <= 1_440) return minutes;
  throw new Error(`wait-minutes: found ${JSON.stringify(text)}; allowed is a number from 0 to 1440`);
}

/** Of the commit that is deployed; `null` where the job has not checked it out. */
function commitTime({ GITHUB_SHA: commit, GITHUB_WORKSPACE: cwd }) {
  if (!commit) return null;
  try {
    const args = ['log', '-1', '--format=%cI', commit];
    const said = execFileSync('git', args, {
      cwd: cwd || '.',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 10_000,
    });
    return new Date(Date.parse(said.toString().trim())).toISOString();
  } catch {
    return null;
  }
}
