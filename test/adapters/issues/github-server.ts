import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

interface StoredIssue {
  number: number;
  html_url: string;
  title: string;
  body: string;
  labels: { name: string }[];
  assignees: { login: string }[];
  comments: { id: number; body: string }[];
}

interface Answer {
  status: number;
  body: unknown;
  headers?: Record<string, string>;
}

/** Speaks GitHub's documented issue endpoints for one repository, `acme/shop`, with `alice` as its only assignable user. */
export async function startGitHub(token: string) {
  const issues: StoredIssue[] = [];
  const requests: string[] = [];
  const scripted: ((made: () => Answer) => Answer)[] = [];
  let refusing = false;

  async function respond(request: IncomingMessage, url: URL): Promise<Answer> {
    const body = JSON.parse((await bodyOf(request)) || '{}');
    if (request.headers.authorization !== `token ${token}`)
      return { status: 401, body: { message: 'Bad credentials' } };
    if (refusing) return { status: 403, body: { message: `Resource not accessible by ${token}` } };
    const route = `${request.method} ${url.pathname.replace(/\/issues\/\d+/, '/issues/N')}`;
    const number = Number(/issues\/(\d+)/.exec(url.pathname)?.[1]);
    const comments = issues.find((issue) => issue.number === number)?.comments ?? [];
    if (route === 'GET /repos/acme/shop/issues') return list(url);
    if (route === 'POST /repos/acme/shop/issues') {
      const make = scripted.shift();
      return make === undefined ? create(body) : make(() => create(body));
    }
    if (route === 'GET /repos/acme/shop/issues/N/comments') return { status: 200, body: comments };
    if (route === 'POST /repos/acme/shop/issues/N/comments') {
      comments.push({ id: comments.length + 1, body: body.body });
      return { status: 201, body: comments.at(-1) };
    }
    return { status: 404, body: { message: 'Not Found' } };
  }

  function list(url: URL): Answer {
    const label = url.searchParams.get('labels');
    const perPage = Number(url.searchParams.get('per_page') ?? 30);
    const page = Number(url.searchParams.get('page') ?? 1);
    const all = issues
      .filter((issue) => label === null || issue.labels.some(({ name }) => name === label))
      .reverse();
    const next = new URL(url);
    next.searchParams.set('page', String(page + 1));
    const link = all.length > page * perPage ? { link: `<${next.href}>; rel="next"` } : undefined;
    return { status: 200, body: all.slice((page - 1) * perPage, page * perPage), headers: link };
  }

  function create(given: { title: string; body: string; labels: string[]; assignees: string[] }): Answer {
    const invalid = given.assignees.find((login) => login.startsWith('nobody'));
    const tooLong = given.title.length > 256 || given.body.length > 65_536;
    if (invalid !== undefined || tooLong) {
      const errors = [
        { resource: 'Issue', field: tooLong ? 'body' : 'assignees', code: 'invalid', value: invalid },
      ];
      return { status: 422, body: { message: 'Validation Failed', errors } };
    }
    const number = issues.length + 1;
    const labels = given.labels.map((name) => ({ name }));
    const assignees = given.assignees
      .filter((login) => login.toLowerCase() === 'alice')
      .map((login) => ({ login }));
    const html_url = `https://github.example/acme/shop/issues/${number}`;
    issues.push({ number, html_url, title: given.title, body: given.body, labels, assignees, comments: [] });
    return { status: 201, body: issues.at(-1) };
  }

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', `http://${request.headers.host}`);
    requests.push(`${request.method} ${url.pathname}`);
    void respond(request, url).then(({ status, body, headers }) => {
      response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers });
      response.end(JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    issues,
    requests,
    /** The next creation is answered so; `made` creates the issue as usual. */
    next(answer: (made: () => Answer) => Answer) {
      scripted.push(answer);
    },
    refuse() {
      refusing = true;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString('utf8');
}
