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
  const logs = input.logs.map(readLogLine);
  const added = input.changes.flatMap((set) => addedBlocks(set.diff));
  const frames = framesInChangedFiles(logs, input.changes);
  const ranked = signatures
    .map((signature) => weigh(signature, input.triggers, logs, added, frames))
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

interface LogLine {
  /** What the line says: its message, without timestamps, ids and stack. */
  readonly said: string;
  /** Lines that may be stack frames, the innermost first. */
  readonly stack: readonly string[];
}

/** A JSON line says its message and keeps its stack apart, as pino, winston and bunyan write it; any other says itself. */
function readLogLine(line: string): LogLine {
  const fields = jsonFields(line);
  if (fields === null) return { said: line, stack: [line] };
  const error = isRecord(fields.err) ? fields.err : isRecord(fields.error) ? fields.error : {};
  const said = [
    fields.msg ?? fields.message,
    fields.error,
    error.type ?? error.name,
    error.message,
    error.code,
  ];
  const stack = [fields.stack, error.stack].find((value) => typeof value === 'string') ?? '';
  const words = said.filter((value) => typeof value === 'string' && value !== '');
  return { said: [...new Set(words)].join(': ') || line, stack: stack.split('\n') };
}

function jsonFields(line: string): Record<string, unknown> | null {
  if (!line.trimStart().startsWith('{')) return null;
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) ? value : null;
  } catch {
    return null;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
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
  logs: readonly LogLine[],
  added: readonly AddedBlock[],
  frames: readonly string[],
): Weighed {
  const fired = triggers.filter((trigger) => signature.triggers.includes(trigger.type));
  const lines = logs.filter((line) => signature.logs.test(line.said));
  const matches = added.flatMap((block) => matchIn(block, signature.code));
  const evidence = [
    ...fired.map((trigger) => `trigger ${trigger.type}: ${trigger.reason}`),
    ...(lines.length > 0 ? [`${lines.length} log lines like: ${(lines[0]?.said ?? '').slice(0, 200)}`] : []),
    ...matches.slice(0, 2).map((match) => `${match.path}:${match.line} adds: ${firstLines(match.text)}`),
  ];
  const kinds = [fired.length > 0, lines.length > 0, matches.length > 0].filter(Boolean).length;
  const inFrames = matches.some((match) => frames.some((frame) => names(frame, match.path)));
  return {
    signature,
    kinds,
    evidence,
    score:
      (fired.length > 0 ? 1 : 0) +
      (lines.length > 0 ? 2 : 0) +
      (matches.length > 0 ? 2 : 0) +
      (inFrames ? 1 : 0),
    place: matches[0] === undefined ? null : `${matches[0].path}:${matches[0].line}`,
  };
}

/** The block from the line on in which the pattern matches. */
function matchIn(block: AddedBlock, pattern: RegExp | null): AddedBlock[] {
  const match = pattern?.exec(block.text);
  if (!match) return [];
  const before = block.text.slice(0, match.index).split('\n').length - 1;
  const text = block.text.split('\n').slice(before).join('\n');
  return [{ path: block.path, line: block.line + before, text }];
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
  // Rows of the hunk still to come: an added `++ x` looks like a file's header.
  let oldRows = 0;
  let newRows = 0;
  let current: { line: number; text: string[] } | null = null;
  const close = () => {
    if (current !== null) blocks.push({ path, line: current.line, text: current.text.join('\n') });
    current = null;
  };
  for (const row of diff.split('\n')) {
    if (newRows > 0 && row.startsWith('+')) {
      current ??= { line, text: [] };
      current.text.push(row.slice(1));
      line += 1;
      newRows -= 1;
      continue;
    }
    close();
    const hunk = /^@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/.exec(row);
    if (oldRows > 0 && row.startsWith('-')) {
      oldRows -= 1;
    } else if (oldRows > 0 && newRows > 0 && !row.startsWith('\\')) {
      line += 1;
      oldRows -= 1;
      newRows -= 1;
    } else if (hunk !== null) {
      oldRows = Number(hunk[1] ?? 1);
      line = Number(hunk[2]);
      newRows = Number(hunk[3] ?? 1);
    } else if (row.startsWith('+++ ')) {
      path = row.slice(4).replace(/^b\//, '').replace(/\t.*$/, '');
    }
  }
  close();
  return blocks;
}

/** Of each stack the innermost frame that names a changed file, without repeats. */
function framesInChangedFiles(logs: readonly LogLine[], changes: readonly ChangeSet[]): string[] {
  const paths = changes.flatMap((set) =>
    set.changes.flatMap((change) => change.files.map((file) => file.path)),
  );
  const frames = logs.flatMap(({ stack }) => {
    const frame = stack.find((row) => framePattern.test(row) && paths.some((path) => names(row, path)));
    return frame === undefined ? [] : [frame.trim().slice(0, 200)];
  });
  return [...new Set(frames)];
}

const framePattern = /\bat\b|File "|\.(js|ts|py|go|java|rb):\d+/;

/** `server.js` is named by `at /srv/server.js:3:1`, not by `at /srv/webserver.js:3:1`. */
function names(frame: string, path: string): boolean {
  const at = frame.indexOf(path);
  return at >= 0 && !/[\w.-]/.test(frame.charAt(at - 1)) && !/[\w-]/.test(frame.charAt(at + path.length));
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
