import { createServer, type IncomingMessage } from 'node:http';
import { listenOn } from '../traffic/backends.ts';

interface Run {
  id: number;
  html_url: string;
  display_title: string;
  event: string;
  status: string;
  conclusion: string | null;
  created_at: string;
}

interface Deployment {
  id: number;
  ref: string;
  sha: string;
  environment: string;
  payload: unknown;
  created_at: string;
  statuses: { state: string; description: string; log_url: string }[];
}

export interface Answer {
  status: number;
  body: unknown;
  headers?: Record<string, string>;
}

type Body = Record<string, unknown>;

const workflowText = `name: Deploy
run-name: Deploy \${{ inputs.release }} (\${{ inputs.rollback }})
on:
  workflow_dispatch:
    inputs: { release: { required: true }, rollback: {} }
`;

export interface ActionsOptions {
  /** What the workflow does with the world; throws where it fails. */
  readonly deploy?: (release: string) => void;
  /** Absent in servers from before 2026. */
  readonly tellsRuns?: boolean;
  /** The workflow's job names the environment, so that GitHub makes a deployment of each run by itself. */
  readonly namesEnvironment?: boolean;
}

/** Speaks GitHub's documented endpoints for Actions and Deployments of one repository, `acme/shop`, with the workflow `deploy.yml`. */
export async function startActions(token: string, options: ActionsOptions = {}) {
  const { deploy = () => undefined, tellsRuns = true, namesEnvironment = false } = options;
  const state = {
    refs: { main: '0'.repeat(40) } as Record<string, string>,
    workflow: { state: 'active', text: workflowText },
    runs: [] as Run[],
    deployments: [] as Deployment[],
    protection: [] as { type: string }[],
    /** Runs stay in this status until it is `null`. */
    held: null as string | null,
  };
  const requests: { route: string; body: Body }[] = [];
  const scripted: ((usual: () => Answer) => Answer)[] = [];

  const notFound = { status: 404, body: { message: 'Not Found' } };

  function dispatch({ ref, inputs = {}, return_run_details }: Body): Answer {
    if (state.refs[String(ref)] === undefined)
      return { status: 422, body: { message: `No ref found for: ${ref}` } };
    const { release, rollback, ...unknown } = inputs as Record<string, string>;
    const names = Object.keys(unknown);
    if (names.length > 0)
      return { status: 422, body: { message: `Unexpected inputs provided: ${JSON.stringify(names)}` } };
    const id = 30_433_642 + state.runs.length;
    const html_url = `https://github.example/acme/shop/actions/runs/${id}`;
    const run: Run = {
      id,
      html_url,
      display_title: `Deploy ${release} (${rollback})`,
      event: 'workflow_dispatch',
      status: 'queued',
      conclusion: null,
      created_at: new Date().toISOString(),
    };
    state.runs.unshift(run);
    setTimeout(() => work(run, String(release), String(ref)), 30);
    if (!tellsRuns || return_run_details !== true) return { status: 204, body: null };
    return {
      status: 200,
      body: { workflow_run_id: id, run_url: `https://api.github.example/runs/${id}`, html_url },
    };
  }

  function work(run: Run, release: string, ref: string): void {
    if (state.held !== null) {
      run.status = state.held;
      return void setTimeout(() => work(run, release, ref), 20);
    }
    run.status = 'completed';
    try {
      deploy(release);
      run.conclusion = 'success';
      if (namesEnvironment) report(add({ ref, environment: 'production', payload: {} }), 'success');
    } catch {
      run.conclusion = 'failure';
    }
  }

  function add({ ref, environment, payload }: Body): Deployment {
    const id = state.deployments.length + 1;
    const sha = state.refs[String(ref)] ?? '';
    const made = {
      id,
      ref: String(ref),
      sha,
      environment: String(environment),
      payload,
      created_at: new Date().toISOString(),
    };
    state.deployments.unshift({ ...made, statuses: [] });
    return state.deployments[0] as Deployment;
  }

  function report(deployment: Deployment | undefined, success: string, description = '', log_url = ''): void {
    deployment?.statuses.unshift({ state: success, description, log_url });
  }

  function respond(method: string, url: URL, body: Body): Answer {
    const path = url.pathname.replace('/repos/acme/shop', '');
    const id = Number(/\/(?:runs|deployments)\/(\d+)/.exec(path)?.[1]);
    const deployment = state.deployments.find((one) => one.id === id);
    const perPage = Number(url.searchParams.get('per_page') ?? 30);
    const { workflow } = state;
    switch (
      `${method} ${path.replace(/\/(runs|deployments)\/\d+/, '/$1/N').replace(/\/commits\/.*/, '/commits/REF')}`
    ) {
      case 'POST /actions/workflows/deploy.yml/dispatches':
        return dispatch(body);
      case 'GET /actions/workflows/deploy.yml':
        return {
          status: 200,
          body: { id: 1, name: 'Deploy', path: '.github/workflows/deploy.yml', state: workflow.state },
        };
      case 'GET /actions/workflows/deploy.yml/runs':
        return {
          status: 200,
          body: { total_count: state.runs.length, workflow_runs: state.runs.slice(0, perPage) },
        };
      case 'GET /actions/runs/N': {
        const run = state.runs.find((one) => one.id === id);
        return run === undefined ? notFound : { status: 200, body: run };
      }
      case 'GET /actions/runs/N/jobs': {
        const steps = [
          { name: 'checkout', conclusion: 'success' },
          { name: 'push to the cluster', conclusion: 'failure' },
        ];
        return {
          status: 200,
          body: { total_count: 1, jobs: [{ name: 'deploy', conclusion: 'failure', steps }] },
        };
      }
      case 'GET /commits/REF': {
        const ref = decodeURIComponent(path.replace('/commits/', ''));
        const sha = state.refs[ref];
        return sha === undefined
          ? { status: 422, body: { message: `No commit found for SHA: ${ref}` } }
          : { status: 200, body: { sha } };
      }
      case 'GET /contents/.github%2Fworkflows%2Fdeploy.yml':
      case 'GET /contents/.github/workflows/deploy.yml':
        return {
          status: 200,
          body: { type: 'file', encoding: 'base64', content: Buffer.from(workflow.text).toString('base64') },
        };
      case 'GET /environments/production':
        return { status: 200, body: { id: 1, name: 'production', protection_rules: state.protection } };
      case 'GET /deployments': {
        const environment = url.searchParams.get('environment');
        const found = state.deployments.filter((one) => one.environment === environment);
        return { status: 200, body: found.slice(0, perPage).map(({ statuses: _statuses, ...told }) => told) };
      }
      case 'POST /deployments':
        if (state.refs[String(body.ref)] === undefined)
          return { status: 422, body: { message: `No ref found for: ${body.ref}` } };
        return { status: 201, body: add(body) };
      case 'GET /deployments/N/statuses':
        return { status: 200, body: deployment?.statuses.slice(0, perPage) ?? [] };
      case 'POST /deployments/N/statuses':
        report(deployment, String(body.state), String(body.description), String(body.log_url));
        return { status: 201, body: { id: 1, state: body.state } };
      default:
        return notFound;
    }
  }

  const server = createServer((request, response) => {
    void bodyOf(request).then((text) => {
      const url = new URL(request.url ?? '/', `http://${request.headers.host}`);
      const body = JSON.parse(text || '{}') as Body;
      const method = String(request.method);
      requests.push({ route: `${method} ${url.pathname.replace('/repos/acme/shop', '')}`, body });
      const usual = (): Answer =>
        request.headers.authorization === `token ${token}`
          ? respond(method, url, body)
          : { status: 401, body: { message: 'Bad credentials' } };
      const next = scripted.shift();
      const answer = next === undefined ? usual() : next(usual);
      response.writeHead(answer.status, {
        'content-type': 'application/json; charset=utf-8',
        ...answer.headers,
      });
      response.end(answer.status === 204 ? undefined : JSON.stringify(answer.body));
    });
  });
  const baseUrl = `http://127.0.0.1:${await listenOn(server)}`;
  return { baseUrl, state, requests, scripted, add, report };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString('utf8');
}
