import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { request } from 'undici';
import { listenOn } from './backends.ts';

export const account = 'arn:aws:elasticloadbalancing:eu-central-1:123456789012';
export const ruleArn = `${account}:listener-rule/app/shop/50dc6c495c0c9188/f2f7dc8efc522ab2/9683b2d02a6cabee`;
export const listenerArn = `${account}:listener/app/shop/50dc6c495c0c9188/f2f7dc8efc522ab2`;
export const blue = `${account}:targetgroup/blue/73e2d6bc24d8a067`;
export const green = `${account}:targetgroup/green/3bb63f11dfb0faf9`;

type Tree = { [key: string]: string | Tree | Tree[] };

export interface Target {
  readonly host: string;
  readonly port: number;
  state: string;
  reason?: string;
}

/** A prepared answer in place of the next one; `null` never answers. */
export type Scripted = { status: number; body: string; type?: string; cutAt?: number } | null;

/**
 * Elastic Load Balancing's query protocol for one listener with one rule beside its default, as documented (API version 2015-12-01),
 * and the data plane behind it: a switch reaches that a moment later, as with AWS.
 */
export async function startElb({ propagationMs = 0, anchored = true } = {}) {
  const state = {
    actions: [forwardTo(blue)] as Tree[],
    defaultActions: [forwardTo(blue)] as Tree[],
    tags: {} as Record<string, string>,
    targets: { [blue]: [], [green]: [] } as Record<string, Target[]>,
  };
  let inForce: Tree[] = state.actions;
  const calls: Record<string, string>[] = [];
  const scripted: Scripted[] = [];

  const change = (which: 'actions' | 'defaultActions', actions: Tree[]) => {
    state[which] = actions.map(asAwsTellsIt);
    setTimeout(() => {
      inForce = state[which];
    }, propagationMs);
  };
  const results: Record<string, (form: Tree) => Tree | null> = {
    DescribeRules: (form) => {
      if (form.RuleArns !== undefined && list(form.RuleArns)[0] !== (ruleArn as never)) return null;
      const own = rule(ruleArn, state.actions, '10');
      const rest = [
        rule(`${ruleArn}2`, anchored ? [forwardBoth()] : [forwardTo(blue)], '20'),
        rule(`${ruleArn}0`, state.defaultActions, 'default'),
      ];
      return { Rules: form.RuleArns === undefined ? [own, ...rest] : [own] };
    },
    ModifyRule: (form) => {
      change('actions', form.Actions as Tree[]);
      return { Rules: [rule(ruleArn, state.actions, '10')] };
    },
    DescribeListeners: () => ({
      Listeners: [{ ListenerArn: listenerArn, Port: '443', DefaultActions: state.defaultActions }],
    }),
    ModifyListener: (form) => {
      change('defaultActions', form.DefaultActions as Tree[]);
      return { Listeners: [{ ListenerArn: listenerArn, Port: '443', DefaultActions: state.defaultActions }] };
    },
    DescribeTags: () => ({
      TagDescriptions: [
        { ResourceArn: ruleArn, Tags: Object.entries(state.tags).map(([Key, Value]) => ({ Key, Value })) },
      ],
    }),
    AddTags: (form) => {
      for (const { Key, Value } of form.Tags as { Key: string; Value: string }[]) state.tags[Key] = Value;
      return {};
    },
    DescribeTargetHealth: (form) => {
      const targets = state.targets[form.TargetGroupArn as string];
      return targets === undefined ? null : { TargetHealthDescriptions: targets.map(health) };
    },
  };

  const control = createServer((incoming, response) => {
    void textOf(incoming).then((text) => {
      const form = Object.fromEntries(new URLSearchParams(text));
      calls.push({ ...form, authorization: String(incoming.headers.authorization) });
      if (scripted.length > 0) return answerScripted(response, scripted.shift() as Scripted);
      const action = form.Action ?? '';
      const result = results[action]?.(treeOf(form)) ?? null;
      const body =
        result === null ? errorXml('RuleNotFound', 'One or more rules not found') : resultXml(action, result);
      response.writeHead(result === null ? 400 : 200, { 'content-type': 'text/xml' }).end(body);
    });
  });
  const data = createServer((incoming, response) => void serve(incoming, response, inForce, state.targets));
  return {
    endpoint: `http://127.0.0.1:${await listenOn(control)}`,
    url: `http://127.0.0.1:${await listenOn(data)}/`,
    state,
    calls,
    scripted,
    /** The data plane follows the listener's default actions instead of the rule's. */
    set(actions: Tree[]) {
      state.actions = actions;
      state.defaultActions = actions;
      inForce = actions;
    },
  };
}

export function forwardTo(arn: string): Tree {
  return asAwsTellsIt({
    Type: 'forward',
    ForwardConfig: { TargetGroups: [{ TargetGroupArn: arn, Weight: '1' }] },
  });
}

function forwardBoth(): Tree {
  const TargetGroups = [blue, green].map((TargetGroupArn) => ({ TargetGroupArn, Weight: '1' }));
  return asAwsTellsIt({ Type: 'forward', ForwardConfig: { TargetGroups } });
}

export function errorXml(code: string, message: string): string {
  return `<ErrorResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>f9880f01-7852-629d-a6c3-3ae2-666a409287e6dc0c</RequestId></ErrorResponse>`;
}

/** A single group is told twice, and stickiness always. */
function asAwsTellsIt(action: Tree): Tree {
  if (action.Type !== 'forward') return action;
  const config = action.ForwardConfig as Tree;
  const groups = config.TargetGroups as Tree[];
  const TargetGroupStickinessConfig = config.TargetGroupStickinessConfig ?? { Enabled: 'false' };
  const single: Tree = groups.length === 1 ? { TargetGroupArn: groups[0]?.TargetGroupArn as string } : {};
  return { ...action, ...single, ForwardConfig: { ...config, TargetGroupStickinessConfig } };
}

function rule(RuleArn: string, Actions: Tree[], Priority: string): Tree {
  return { RuleArn, Priority, IsDefault: String(Priority === 'default'), Conditions: [], Actions };
}

function health({ host, port, state, reason }: Target): Tree {
  const why: Tree = reason === undefined ? {} : { Reason: reason, Description: 'Health checks failed' };
  return {
    HealthCheckPort: String(port),
    Target: { Id: host, Port: String(port) },
    TargetHealth: { State: state, ...why },
  };
}

function answerScripted(response: ServerResponse, answer: Scripted): void {
  if (answer === null) return;
  const { status, body, type = 'text/xml', cutAt } = answer;
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  if (cutAt === undefined) return void response.end(body);
  response.write(body.slice(0, cutAt));
  setTimeout(() => response.destroy(), 20);
}

async function serve(
  incoming: IncomingMessage,
  response: ServerResponse,
  actions: Tree[],
  targets: Record<string, Target[]>,
): Promise<void> {
  const last = actions.at(-1) as Tree;
  const page = last.FixedResponseConfig as Record<string, string> | undefined;
  if (page !== undefined) {
    incoming.resume();
    return void response
      .writeHead(Number(page.StatusCode), { server: 'awselb/2.0', 'content-type': page.ContentType })
      .end(page.MessageBody);
  }
  const groups = (last.ForwardConfig as Tree).TargetGroups as { TargetGroupArn: string; Weight: string }[];
  const serving = groups
    .filter(({ Weight }) => Number(Weight) > 0)
    .flatMap(({ TargetGroupArn }) => targets[TargetGroupArn] ?? []);
  const healthy = serving.filter(({ state }) => state === 'healthy');
  const target = healthy[Math.floor(Math.random() * healthy.length)];
  if (target === undefined)
    return void response.writeHead(503).end('<h1>503 Service Temporarily Unavailable</h1>');
  const body = await textOf(incoming);
  try {
    const method = incoming.method === 'POST' ? 'POST' : 'GET';
    const answer = await request(`http://${target.host}:${target.port}${incoming.url}`, {
      method,
      body: method === 'POST' ? body : undefined,
    });
    response.writeHead(answer.statusCode).end(await answer.body.text());
  } catch {
    response.writeHead(502).end();
  }
}

/** `Actions.member.1.Type=forward` as a tree. */
function treeOf(form: Record<string, string>): Tree {
  const root: Tree = {};
  for (const [key, value] of Object.entries(form)) {
    let place = root as Record<string, unknown>;
    const names = key.replaceAll('.member.', '.#').split('.');
    names.forEach((name, i) => {
      const at = name.startsWith('#') ? String(Number(name.slice(1)) - 1) : name;
      if (i === names.length - 1) place[at] = value;
      else place[at] ??= names[i + 1]?.startsWith('#') ? [] : {};
      place = place[at] as Record<string, unknown>;
    });
  }
  return root;
}

function list(value: string | Tree | Tree[]): unknown[] {
  return Array.isArray(value) ? value : [];
}

function resultXml(action: string, result: Tree): string {
  return `<${action}Response xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"><${action}Result>${xml(result)}</${action}Result><ResponseMetadata><RequestId>c5478c83-f397-11e5-bb98-57195a6eb84a</RequestId></ResponseMetadata></${action}Response>`;
}

function xml(tree: Tree): string {
  return Object.entries(tree)
    .map(([name, value]) => {
      if (Array.isArray(value))
        return `<${name}>${value.map((entry) => `<member>${xml(entry)}</member>`).join('')}</${name}>`;
      return `<${name}>${typeof value === 'string' ? value.replaceAll('&', '&amp;').replaceAll('<', '&lt;') : xml(value)}</${name}>`;
    })
    .join('');
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
