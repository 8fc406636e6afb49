import type { FileHandle } from 'node:fs/promises';

export interface Line {
  readonly text: string;
  /** Of its first byte in the file. */
  readonly offset: number;
}

/** Of a longer line only the beginning is kept. */
const maxLineBytes = 16_384;
const chunkBytes = 262_144;

/** The lines of a file between two offsets, oldest first, holding one chunk at a time. Starts at a line's first byte. */
export async function* readLines(
  file: FileHandle,
  from: number,
  to: number,
  signal: AbortSignal,
): AsyncGenerator<Line> {
  const buffer = Buffer.alloc(Math.max(1, Math.min(chunkBytes, to - from)));
  let rest: Buffer = Buffer.alloc(0);
  let lineAt = from;
  for (let at = from; at < to; ) {
    signal.throwIfAborted();
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, to - at), at);
    if (bytesRead === 0) break;
    const piece = buffer.subarray(0, bytesRead);
    let start = 0;
    for (let end = piece.indexOf(10); end !== -1; end = piece.indexOf(10, start)) {
      yield lineOf(rest, piece.subarray(start, end), lineAt);
      rest = Buffer.alloc(0);
      start = end + 1;
      lineAt = at + start;
    }
    if (rest.length < maxLineBytes) rest = Buffer.concat([rest, piece.subarray(start, start + maxLineBytes)]);
    at += bytesRead;
  }
  if (rest.length > 0) yield lineOf(rest, Buffer.alloc(0), lineAt);
}

function lineOf(rest: Buffer, piece: Buffer, offset: number): Line {
  const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
  return { text: bytes.subarray(0, maxLineBytes).toString('utf8').replace(/\r$/, ''), offset };
}

/** The offset of the first line that begins at or after `offset`. */
export async function nextLineStart(
  file: FileHandle,
  offset: number,
  size: number,
  signal: AbortSignal,
): Promise<number> {
  if (offset <= 0) return 0;
  const buffer = Buffer.alloc(65_536);
  for (let at = offset - 1; at < size; at += buffer.length) {
    signal.throwIfAborted();
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
    const end = buffer.subarray(0, bytesRead).indexOf(10);
    if (end !== -1) return at + end + 1;
    if (bytesRead === 0) break;
  }
  return size;
}

/** How many line ends there are before an offset. */
export async function countLines(file: FileHandle, before: number, signal: AbortSignal): Promise<number> {
  const buffer = Buffer.alloc(1_048_576);
  let lines = 0;
  for (let at = 0; at < before; ) {
    signal.throwIfAborted();
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, before - at), at);
    if (bytesRead === 0) break;
    const piece = buffer.subarray(0, bytesRead);
    for (let end = piece.indexOf(10); end !== -1; end = piece.indexOf(10, end + 1)) lines += 1;
    at += bytesRead;
  }
  return lines;
}
