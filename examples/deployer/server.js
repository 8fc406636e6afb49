// A deployer for rollback-orchestrator: answers the protocol of docs/deployers.md and leaves the deploying to deploy.js.
// Needs Node 22 or newer and nothing else. DEPLOYER_SECRET is `whsec_` and 24 to 64 bytes in base64; DEPLOYER_TOKEN may be any text.

import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';

const {
  DEPLOYER_SECRET,
  DEPLOYER_TOKEN,
  DEPLOY = './deploy.js',
  HOST = '127.0.0.1',
  PORT = '8090',
} = process.env;
if (!DEPLOYER_SECRET || !DEPLOYER_TOKEN) throw new Error('set DEPLOYER_SECRET and DEPLOYER_TOKEN');
const signingKey = Buffer.from(DEPLOYER_SECRET.replace(/^whsec_/, ''), 'base64');
const deploy = await import(DEPLOY);

/** Work under way or done, by Idempotency-Key. */
const jobs = new Map();
const keptJobs = 1_000;

const server = createServer((request, response) => {
  void respond(request)
    .catch((error) => [error.status ?? 500, { error: error.message }])
    .then(([status, answer]) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    });
});
server.listen(Number(PORT), HOST, () => console.log(`listening on http://${HOST}:${server.address().port}`));

async function respond(request) {
  if (request.headers.authorization !== `Bearer ${DEPLOYER_TOKEN}`) throw refusal(401, 'wrong token');
  const url = new URL(request.url, 'http://deployer');
  const { service, release } = Object.fromEntries(url.searchParams);
  switch (`${request.method} ${url.pathname}`) {
    case 'GET /live':
      return [200, await deploy.live(service)];
    case 'GET /restorable':
      return [200, await deploy.restorable(service, release)];
    case 'GET /jobs':
      return [
        200,
        jobs.get(url.searchParams.get('key')) ?? { status: 'failed', detail: 'the deployer was restarted' },
      ];
    case 'POST /check':
      await signedBody(request);
      return [200, { checks: [] }];
    case 'POST /restore':
    case 'POST /restart':
      return begin(request, await signedBody(request));
    default:
      throw refusal(404, `no ${request.method} ${url.pathname} here`);
  }
}

/** Work that runs is joined. Work that has ended begins anew: what is done already, deploy.js leaves alone. */
function begin(request, { type, service, release, key }) {
  const id = request.headers['idempotency-key'];
  if (jobs.get(id)?.status !== 'running') {
    const job = { status: 'running', detail: `${type} of ${service}` };
    const say = (words) => Object.assign(job, { detail: words });
    jobs.delete(id);
    jobs.set(id, job);
    for (const [oldest] of [...jobs].slice(0, -keptJobs)) jobs.delete(oldest);
    const work =
      type === 'rollback.restore'
        ? deploy.restore(service, release, key, say)
        : deploy.restart(service, key, say);
    work.then(
      () => Object.assign(job, { status: 'succeeded' }),
      (error) => Object.assign(job, { status: 'failed', detail: error.message }),
    );
  }
  return [202, { status_url: `/jobs?key=${encodeURIComponent(id)}`, detail: jobs.get(id).detail }];
}

/** The body, if it was signed with our secret within the last five minutes: https://www.standardwebhooks.com */
async function signedBody(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString();
  const {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signatures = '',
  } = request.headers;
  if (Math.abs(Date.now() / 1_000 - Number(timestamp)) < 300) {
    const expected = Buffer.from(
      `v1,${createHmac('sha256', signingKey).update(`${id}.${timestamp}.${body}`).digest('base64')}`,
    );
    const given = signatures.split(' ').map((signature) => Buffer.from(signature));
    if (
      given.some((signature) => signature.length === expected.length && timingSafeEqual(signature, expected))
    )
      return JSON.parse(body);
  }
  throw refusal(401, 'wrong signature, or the clocks differ by more than five minutes');
}

function refusal(status, message) {
  return Object.assign(new Error(message), { status });
}
