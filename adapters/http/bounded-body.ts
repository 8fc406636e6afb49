import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type { Dispatcher } from 'undici';

/** The body, decompressed where it is gzip; longer than `maxBytes`, as sent or decompressed, it throws {@link TooLarge}. */
export function boundedBody(response: Dispatcher.ResponseData, maxBytes: number): AsyncIterable<Buffer> {
  return withinSize(piecesOf(response, maxBytes), maxBytes);
}

/** The same as text. */
export async function boundedBodyText(response: Dispatcher.ResponseData, maxBytes: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const piece of boundedBody(response, maxBytes)) text += decoder.decode(piece, { stream: true });
  return text + decoder.decode();
}

function piecesOf(response: Dispatcher.ResponseData, maxBytes: number): Readable {
  if (response.headers['content-encoding'] !== 'gzip') return response.body;
  const gunzip = createGunzip();
  pipeline(withinSize(response.body, maxBytes), gunzip).catch((error: Error) => gunzip.destroy(error));
  return gunzip;
}

export class TooLarge extends Error {}

async function* withinSize(pieces: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const piece of pieces) {
    size += piece.length;
    if (size > maxBytes) throw new TooLarge(`the answer is larger than ${maxBytes} bytes`);
    yield piece;
  }
}
