import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDevWorld, type DevWorld } from '../support/dev-world.ts';

const program = fileURLToPath(new URL('../../bin/orchestrator.js', import.meta.url));

let world: DevWorld;
let agent: Client;
beforeAll(async () => {
  world = await createDevWorld();
  agent = await anAgent(world.token);
});
afterAll(async () => {
  await agent?.close();
  await world?.end();
});

/** A client of the SDK with the server as a process of its own. */
async function anAgent(token: string, url = world.api.url): Promise<Client> {
  const client = new Client({ name: 'test-agent', version: '1' });
  const env = { PATH: process.env.PATH ?? '', ORCHESTRATOR_TOKEN: token, ORCHESTRATOR_USER: 'Ada' };
  const args = [program, 'mcp', '--api', url];
  await client.connect(new StdioClientTransport({ command: process.execPath, args, env }));
  return client;
}

interface Said {
  readonly text: string;
  readonly isError: boolean;
  readonly structured: Record<string, unknown>;
}

async function use(name: string, input: object = {}, by: Client = agent): Promise<Said> {
  const found = await by.callTool({ name, arguments: { ...input } });
  const [first] = found.content as { type: string; text: string }[];
  return {
    text: first?.text ?? '',
    isError: found.isError === true,
    structured: (found.structuredContent ?? {}) as Record<string, unknown>,
  };
}

async function read(uri: string): Promise<string> {
  const { contents } = await agent.readResource({ uri });
  return (contents[0] as { text: string }).text;
}

describe('an agent', () => {
  it('finds tools that say what they change', async () => {
    const { tools } = await agent.listTools();
    const reading = tools.filter(({ annotations }) => annotations?.readOnlyHint === true);
    expect(reading.map(({ name }) => name).toSorted()).toEqual([
      'deployment_status',
      'gate',
      'lessons',
      'list_incidents',
      'product_status',
      'read_incident',
    ]);
    const destructive = tools.filter(({ annotations }) => annotations?.destructiveHint === true);
    expect(destructive.map(({ name }) => name).toSorted()).toEqual(['pause', 'resume', 'roll_back']);
    for (const { name, description, inputSchema } of tools) {
      expect(description, name).toBeTruthy();
      expect(inputSchema.type, name).toBe('object');
    }
    expect(tools.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['register_deployment', 'monitor_deployment', 'acknowledge']),
    );
  });

  it('monitors a deployment that goes bad, to its end, and reads why and what it was like', async () => {
    const { product, haveGood, service } = world.addProduct('watched');
    await haveGood('v1');
    await service.deploy('v2');
    const started = await use('monitor_deployment', { product, release: 'v2', deployment: 'build-2' });
    expect(started).toMatchObject({
      isError: false,
      structured: { deployment: 'build-2', done: false, state: 'watching', outcome: null },
    });
    const rolled = await use('roll_back', { product, reason: 'the page is broken' });
    expect(rolled).toMatchObject({ isError: false, structured: { accepted: true } });

    const told: string[] = [];
    const ended = await agent.callTool(
      { name: 'monitor_deployment', arguments: { product, deployment: 'build-2', wait_seconds: 45 } },
      { onprogress: ({ message }) => void told.push(message ?? ''), timeout: 60_000 },
    );
    expect(ended.structuredContent).toMatchObject({ done: true, state: 'ended', outcome: 'rolled_back' });
    expect(told.length).toBeGreaterThan(0);
    const { incident } = ended.structuredContent as { incident: string };
    expect(incident).toMatch(/^inc-/);

    const { incident: asStored } = (await use('read_incident', { incident })).structured as {
      incident: { reason: string };
    };
    expect(asStored.reason).toContain('the page is broken');
    expect((await world.store.audit.list({ limit: 50 })).map(({ who }) => who)).toContain(
      'Ada through test-agent (token a person)',
    );

    expect((await use('list_incidents', { product })).text).toContain(incident);
    const again = await use('lessons', { query: 'page broken', product });
    expect(again.text).toContain(`${incident} (watched, `);
    expect(again.text).toMatch(/found because: says (page, broken|broken, page)/);
    expect(await read(`incident://${incident}`)).toContain(`# ${incident}`);
    expect(await read('incidents://recent')).toContain(`- ${incident} `);
    expect(await read('lessons://watched')).toContain('v2 → v1: rolled_back');
    const status = await use('product_status', { product });
    expect(status.text).toContain('watched');
    expect((await use('deployment_status', { product, deployment: 'build-2' })).text).toMatch(
      /^build-2 of watched, v2, rolled_back/,
    );
  });

  it('pauses, resumes, and is told what would be rolled back to', async () => {
    const { product, haveGood, service } = world.addProduct('held');
    await haveGood('v1');
    await service.deploy('v2');
    await use('register_deployment', { product, release: 'v2', deployment: 'd2' });
    const paused = await use('pause', { product, reason: 'migration', minutes: 5 });
    expect(paused.text).toMatch(/^Accepted: automatic rollback of held is paused until /);
    expect((await use('product_status', { product })).text).toContain('paused by Ada through test-agent');
    expect((await use('resume', { product })).text).toBe('Accepted: automatic rollback of held is resumed');
    const plan = await use('roll_back', { product, reason: 'what if', dry_run: true });
    expect(plan.text).toMatch(/^Nothing was done\. A rollback would now do this:\nweb v2 → v1: /);
    expect((await world.store.products.read({ product, environment: 'production' })).rollback).toBeNull();
    expect((await use('gate', { product, release: 'v3' })).text).toMatch(/^The gate of held is open\./);
  });

  it('is told what went wrong as an answer, and goes on', async () => {
    expect(await use('product_status', { product: 'nobody' })).toMatchObject({
      isError: true,
      text: expect.stringMatching(/^unknown product nobody; known: /),
    });
    expect(await use('monitor_deployment', { product: 'nobody' })).toMatchObject({
      isError: true,
      text: 'give a release (or services) to start the task, or the deployment id that it answered',
    });
    world.addProduct('empty');
    expect(await use('roll_back', { product: 'empty', reason: 'x' })).toMatchObject({
      isError: true,
      text: expect.stringMatching(/^Refused: no deployment/),
    });
    expect((await use('acknowledge', { product: 'empty' })).isError).toBe(true);
    await expect(read('incident://inc-nobody')).rejects.toThrow('incident inc-nobody is not known');
    expect((await use('product_status')).text).toContain('empty (production)');
  });

  it('completes the names in resources, and lists them', async () => {
    world.addProduct('completed');
    const ref = { type: 'ref/resource' as const, uri: 'lessons://{product}' };
    const { completion } = await agent.complete({ ref, argument: { name: 'product', value: 'comp' } });
    expect(completion.values).toEqual(['completed']);
    const { resources } = await agent.listResources();
    expect(resources.map(({ uri }) => uri)).toEqual(
      expect.arrayContaining(['incidents://recent', 'lessons://completed']),
    );
    const { resourceTemplates } = await agent.listResourceTemplates();
    expect(resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toEqual([
      'incident://{id}',
      'lessons://{product}',
    ]);
  });

  it('may do what its token may, and is told when the API is away', async () => {
    world.addProduct('guarded');
    const made = await fetch(`${world.api.url}/v1/tokens`, {
      method: 'POST',
      headers: { authorization: `Bearer ${world.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'an-agent', role: 'viewer' }),
    });
    const { secret } = (await made.json()) as { secret: string };
    const viewer = await anAgent(secret);
    expect((await use('product_status', { product: 'guarded' }, viewer)).isError).toBe(false);
    const refused = await use('pause', { product: 'guarded', reason: 'x' }, viewer);
    expect(refused).toMatchObject({
      isError: true,
      text: expect.stringContaining('this needs one of the roles'),
    });
    await viewer.close();

    const lost = await anAgent(world.token, 'http://127.0.0.1:9');
    const away = await use('product_status', {}, lost);
    expect(away).toMatchObject({ isError: true, text: expect.stringContaining('does not answer') });
    await lost.close();
  });
});
