import type { FileHandle } from 'node:fs/promises';
import { lineTime } from './line-time.ts';
import type { LogRequest } from './log-source.ts';
import { countLines, type Line, nextLineStart, readLines } from './read-lines.ts';

export interface LogFile {
  readonly file: FileHandle;
  readonly path: string;
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly changedAtMs: number;
}

/** A line with what belongs to it, e.g. its stack trace. */
export interface LogEntry {
  readonly atMs: number;
  readonly text: string;
}

export interface FileExcerpt {
  /** The first entries that look like trouble. */
  readonly matching: readonly LogEntry[];
  /** The first entries of any kind. */
  readonly first: readonly LogEntry[];
  readonly total: number;
  readonly reference: string;
}

/** Of a busy log no more than this is read from the wanted time on. */
const maxScanBytes = 67_108_864;
/** Of a log without times only the end is read. */
const maxTailBytes = 8_388_608;
const maxEntryLength = 2_000;
/** Threads write slightly out of order. */
const disorderMs = 2_000;
const stepBytes = 65_536;

/** The wanted entries of one file. Large files are searched by bisecting on time, never read whole. */
export async function readExcerpt(log: LogFile, request: LogRequest): Promise<FileExcerpt> {
  const timed = (await timeAfter(log, 0, request.signal)) !== null;
  const from = timed ? await startOf(log, request) : await tailOf(log, request);
  const to = timed ? Math.min(log.size, from + maxScanBytes) : log.size;
  const found = collector(request.limit);
  let last = from;
  for await (const entry of entriesOf(
    readLines(log.file, from, to, request.signal),
    timed,
    log.changedAtMs,
  )) {
    if (timed && entry.atMs > request.untilMs + disorderMs) break;
    if (timed && (entry.atMs < request.sinceMs || entry.atMs > request.untilMs)) continue;
    last = entry.lastOffset;
    found.take(entry);
  }
  const { firstOffset, ...excerpt } = found.result();
  const cut = to < log.size && last + 1_048_576 > to ? `; read up to byte ${to} only` : '';
  return { ...excerpt, reference: (await referenceTo(log, firstOffset, last, request.signal)) + cut };
}

/** The time of the first line at or after an offset that has one, and where that line begins. */
async function timeAfter(
  log: LogFile,
  offset: number,
  signal: AbortSignal,
): Promise<{ atMs: number; at: number } | null> {
  const start = await nextLineStart(log.file, offset, log.size, signal);
  const end = Math.min(log.size, start + 16 * stepBytes);
  for await (const line of readLines(log.file, start, end, signal)) {
    const time = lineTime(line.text);
    if (time !== null) return { atMs: time.atMs, at: line.offset };
  }
  return null;
}

/** Where to begin so that no line since `sinceMs` is missed. */
async function startOf(log: LogFile, request: LogRequest): Promise<number> {
  let low = 0;
  let high = log.size;
  while (high - low > stepBytes) {
    const middle = Math.floor((low + high) / 2);
    const found = await timeAfter(log, middle, request.signal);
    if (found === null || found.atMs >= request.sinceMs - disorderMs) high = middle;
    else low = Math.max(middle, found.at);
  }
  return nextLineStart(log.file, low - stepBytes, log.size, request.signal);
}

async function tailOf(log: LogFile, request: LogRequest): Promise<number> {
  if (log.changedAtMs < request.sinceMs) return log.size;
  return nextLineStart(log.file, log.size - maxTailBytes, log.size, request.signal);
}

interface LocatedEntry extends LogEntry {
  /** Without its timestamp, whose digits look like anything. */
  readonly searched: string;
  readonly offset: number;
  readonly lastOffset: number;
}

/** Joins lines that continue one: those without a time, or in a log without times those that are indented. */
async function* entriesOf(
  lines: AsyncIterable<Line>,
  timed: boolean,
  changedAtMs: number,
): AsyncGenerator<LocatedEntry> {
  let entry: LocatedEntry | null = null;
  for await (const { text, offset } of lines) {
    const time = timed ? lineTime(text) : { atMs: changedAtMs, text };
    const continues = timed ? time === null : /^(\s|Caused by|\.\.\. \d+ more)/.test(text) || text === '';
    if (continues) {
      if (entry !== null) entry = continued(entry, text, offset);
    } else {
      if (entry !== null) yield entry;
      const atMs = time?.atMs ?? changedAtMs;
      entry = { atMs, text: cut(text), searched: cut(time?.text ?? text), offset, lastOffset: offset };
    }
  }
  if (entry !== null) yield entry;
}

function continued(entry: LocatedEntry, text: string, lastOffset: number): LocatedEntry {
  if (text === '' || entry.text.length >= maxEntryLength) return { ...entry, lastOffset };
  const searched = cut(`${entry.searched}\n${text}`);
  return { ...entry, text: cut(`${entry.text}\n${text}`), searched, lastOffset };
}

function cut(text: string): string {
  return text.length <= maxEntryLength ? text : text.slice(0, maxEntryLength);
}

const trouble =
  /error|exception|fatal|panic|warn|fail|timeout|refused|reset|leak|exhaust|\b5\d\d\b(?! ?m?s\b)/i;
/** pino and bunyan write their levels as numbers: 40 is a warning. */
const troubleLevel = /"level"\s*:\s*[4-6]0\b/;

function collector(limit: number) {
  const matching: LocatedEntry[] = [];
  const first: LocatedEntry[] = [];
  let total = 0;
  return {
    take(entry: LocatedEntry): void {
      if (first.length < limit) first.push(entry);
      if (!trouble.test(entry.searched) && !troubleLevel.test(entry.searched)) return;
      total += 1;
      if (matching.length < limit) matching.push(entry);
    },
    result: () => ({ matching, first, total, firstOffset: (matching[0] ?? first[0])?.offset ?? null }),
  };
}

/** Line numbers are counted only where that is quick; a log of many gigabytes is referred to by bytes. */
const maxCountedBytes = 1_073_741_824;

async function referenceTo(
  log: LogFile,
  first: number | null,
  last: number,
  signal: AbortSignal,
): Promise<string> {
  if (first === null) return `${log.path}: no lines in the wanted time`;
  if (last > maxCountedBytes) return `${log.path}: bytes ${first} to ${last}`;
  const firstLine = (await countLines(log.file, first, signal)) + 1;
  const lastLine = (await countLines(log.file, last, signal)) + 1;
  return `${log.path}:${firstLine}-${lastLine}`;
}
