import { parse } from 'yaml';
import { filesIn } from './files-in.ts';

export interface FoundPrometheus {
  /** As the configuration says it: the address, or a reference to the variable that holds it. */
  readonly url: string;
  /** Jobs of a prometheus.yml in the folder. */
  readonly jobs: readonly string[];
  readonly answers: boolean;
}

const usual = 'http://127.0.0.1:9090';
const patienceMs = 700;

/** `PROMETHEUS_URL`, one that answers on this machine, or one whose prometheus.yml lies in the folder. */
export async function findPrometheus(
  folder: string,
  env: NodeJS.ProcessEnv,
  say: (line: string) => void,
): Promise<FoundPrometheus | null> {
  const [file] = await filesIn(folder, ['.', 'prometheus', 'monitoring'], /^prometheus\.ya?ml$/);
  const jobs = file === undefined ? [] : jobsIn(file.text);
  if (file !== undefined) say(`${file.path}: jobs ${jobs.join(', ') || 'none'}`);
  const named = env.PROMETHEUS_URL;
  if (named !== undefined && URL.canParse(named)) {
    const answers = await isReady(named);
    say(`PROMETHEUS_URL ${answers ? 'answers' : 'does not answer'}`);
    return { url: `\${PROMETHEUS_URL}`, jobs, answers };
  }
  const answers = await isReady(usual);
  if (answers) say(`Prometheus answers at ${usual}`);
  return answers || file !== undefined ? { url: usual, jobs, answers } : null;
}

function jobsIn(text: string): string[] {
  try {
    const config = parse(text) as { scrape_configs?: readonly { job_name?: unknown }[] } | null;
    return (config?.scrape_configs ?? []).map(({ job_name: name }) => String(name ?? ''));
  } catch {
    return [];
  }
}

async function isReady(url: string): Promise<boolean> {
  return fetch(`${url.replace(/\/$/, '')}/-/ready`, { signal: AbortSignal.timeout(patienceMs) }).then(
    ({ ok }) => ok,
    () => false,
  );
}
