import type { ChangeSet } from './changes.ts';
import type { Trigger, TriggerType } from './detection/verdict.ts';

/** A first guess, with what speaks for it; a person decides. */
export interface Hypothesis {
  readonly cause: Cause;
  readonly summary: string;
  readonly confidence: 'high' | 'medium' | 'low' | 'none';
  readonly evidence: readonly string[];
}

export type Cause =
  | 'n_plus_one_query'
  | 'listener_leak'
  | 'unbounded_growth'
  | 'database_connections'
  | 'dependency_failure'
  | 'code_error'
  | 'process_crash'
  | 'unknown';

/** What a kind of cause leaves behind in added code, in logs and in triggers. */
interface Signature {
  readonly cause: Cause;
  readonly name: string;
  /** Tested against each added block of the diff. */
  readonly code: RegExp | null;
  readonly logs: RegExp;
  readonly triggers: readonly TriggerType[];
}

const signatures: readonly Signature[] = [
  {
    cause: 'n_plus_one_query',
    name: 'new code runs one query per item (N+1 query)',
    code: /\b(for|while|forEach|map)\b[^\n]*[\n\s\S]{0,200}?\b(await\s+)?[\w.]*(query|select|find|fetch|load|execute)\w*\s*\(/i,
    logs: /pool|connection.{0,40}(timeout|timed out|exhaust|acquire)|too many (connections|clients)|slow query/i,
    triggers: ['error_rate', 'performance', 'database'],
  },
  {
    cause: 'listener_leak',
    name: 'an EventEmitter listener is added and never removed',
    code: /\.(on|addListener|addEventListener|subscribe)\s*\(/,
    logs: /MaxListenersExceeded|listener|heap|out of memory|memory/i,
    triggers: ['memory'],
  },
  {
    cause: 'unbounded_growth',
    name: 'something kept in memory grows without bound',
    code: /\b(cache|map|list|buffer|history|queue|store|retained)\w*(\.set|\.push|\.add|\[)/i,
    logs: /heap|out of memory|memory|gc/i,
    triggers: ['memory'],
  },
  {
    cause: 'database_connections',
    name: 'database connections are exhausted or refused',
    code: /\b(pool|connection|connect|max_?connections|acquire|release)\b/i,
    logs: /pool|ECONNREFUSED.{0,40}(5432|3306|27017)|too many (connections|clients)|connection.{0,40}(timeout|exhaust|refused)/i,
    triggers: ['database', 'error_rate'],
  },
  {
    cause: 'process_crash',
    name: 'the process crashes',
    code: null,
    logs: /uncaught|unhandled|fatal|segfault|panic|exited with|SIGKILL|SIGABRT/i,
    triggers: ['health_check'],
  },
  {
    cause: 'code_error',
    name: 'new code throws',
    code: null,
    logs: /TypeError|ReferenceError|RangeError|SyntaxError|NullPointer|undefined is not|cannot read propert/i,
    triggers: ['error_rate'],
  },
  {
    cause: 'dependency_failure',
    name: 'a dependency fails',
    code: null,
    logs: /ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|ENOTFOUND|502|503|504|upstream/i,
    triggers: ['error_rate', 'performance'],
  },
];

/**
 * Ranks causes by what speaks for them: the triggers that fired, log lines, added code, and stack frames that name a
 * changed file. Without evidence of at least two kinds it abstains: a wrong guess costs more of a tired person's time than none.
 */
export function hypothesize(input: {
  readonly triggers: readonly Trigger[];
  readonly logs: readonly string[];
  readonly changes: readonly ChangeSet[];
}): Hypothesis {
  const added = input.changes.flatMap((set) => addedBlocks(set.diff));
  const frames = framesInChangedFiles(input.logs, input.changes);
  const ranked = signatures
    .map((signature) => weigh(signature, input.triggers, input.logs, added, frames))
    .sort((a, b) => b.score - a.score);
  const best = ranked[0];
  if (best === undefined || best.kinds < 2) return abstain(input.changes, frames);
  const where = best.place === null ? '' : ` in ${best.place}`;
  return {
    cause: best.signature.cause,
    summary: `${capital(best.signature.name)}${where}`,
    confidence: best.kinds >= 3 ? 'high' : best.score >= 4 ? 'medium' : 'low',
    evidence: [
      ...best.evidence,
      ...frames.slice(0, 3).map((frame) => `stack frame in a changed file: ${frame}`),
    ],
  };
}

interface Weighed {
  readonly signature: Signature;
  readonly score: number;
  /** Kinds of evidence: trigger, logs, code. */
  readonly kinds: number;
  readonly evidence: readonly string[];
  readonly place: string | null;
}

function weigh(
  signature: Signature,
  triggers: readonly Trigger[],
  logs: readonly string[],
  added: readonly AddedBlock[],
  frames: readonly string[],
): Weighed {
  const fired = triggers.filter((trigger) => signature.triggers.includes(trigger.type));
  const lines = logs.filter((line) => signature.logs.test(line));
  const blocks = signature.code === null ? [] : added.filter((block) => signature.code?.test(block.text));
  const evidence = [
    ...fired.map((trigger) => `trigger ${trigger.type}: ${trigger.reason}`),
    ...(lines.length > 0 ? [`${lines.length} log lines like: ${(lines[0] ?? '').slice(0, 200)}`] : []),
    ...blocks.slice(0, 2).map((block) => `${block.path}:${block.line} adds: ${firstLines(block.text)}`),
  ];
  const kinds = [fired.length > 0, lines.length > 0, blocks.length > 0].filter(Boolean).length;
  const inFrames = blocks.some((block) => frames.some((frame) => frame.includes(block.path)));
  return {
    signature,
    kinds,
    evidence,
    score:
      (fired.length > 0 ? 1 : 0) +
      (lines.length > 0 ? 2 : 0) +
      (blocks.length > 0 ? 2 : 0) +
      (inFrames ? 1 : 0),
    place: blocks[0] === undefined ? null : `${blocks[0].path}:${blocks[0].line}`,
  };
}

function abstain(changes: readonly ChangeSet[], frames: readonly string[]): Hypothesis {
  const count = changes.reduce((sum, set) => sum + set.changes.length, 0);
  const evidence = frames.map((frame) => `stack frame in a changed file: ${frame}`);
  if (evidence.length > 0) {
    return { cause: 'code_error', summary: 'New code fails in a changed file', confidence: 'low', evidence };
  }
  return {
    cause: 'unknown',
    summary: `Unknown: neither logs nor the ${count} changes point to one cause`,
    confidence: 'none',
    evidence,
  };
}

interface AddedBlock {
  readonly path: string;
  readonly line: number;
  readonly text: string;
}

/** Runs of added lines in a unified diff, with the file and the line in the new release. */
export function addedBlocks(diff: string): AddedBlock[] {
  const blocks: AddedBlock[] = [];
  let path = '';
  let line = 0;
  let current: { line: number; text: string[] } | null = null;
  const close = () => {
    if (current !== null) blocks.push({ path, line: current.line, text: current.text.join('\n') });
    current = null;
  };
  for (const row of diff.split('\n')) {
    const hunk = /^@@ -\d+(?:,\d+)? \+(\d+)/.exec(row);
    if (row.startsWith('+++ ')) {
      close();
      path = row.slice(4).replace(/^b\//, '').replace(/\t.*$/, '');
    } else if (hunk !== null) {
      close();
      line = Number(hunk[1]);
    } else if (row.startsWith('+')) {
      current ??= { line, text: [] };
      current.text.push(row.slice(1));
      line += 1;
    } else {
      close();
      if (!row.startsWith('-')) line += 1;
    }
  }
  close();
  return blocks;
}

function framesInChangedFiles(logs: readonly string[], changes: readonly ChangeSet[]): string[] {
  const paths = changes.flatMap((set) =>
    set.changes.flatMap((change) => change.files.map((file) => file.path)),
  );
  const frames = logs.filter((line) => /\bat\b|File "|\.(js|ts|py|go|java|rb):\d+/.test(line));
  return [
    ...new Set(
      frames
        .filter((frame) => paths.some((path) => frame.includes(path)))
        .map((frame) => frame.trim().slice(0, 200)),
    ),
  ];
}

function firstLines(text: string): string {
  return text
    .split('\n')
    .slice(0, 3)
    .map((line) => line.trim())
    .join(' ')
    .slice(0, 200);
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
