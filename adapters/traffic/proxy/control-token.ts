import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createFile } from '../../durable-file.ts';

/** Reads the token of the control plane; makes the file, readable by its owner only, where there is none. */
export async function ensureToken(file: string): Promise<string> {
  await createFile(file, `${randomBytes(32).toString('hex')}\n`, 0o600);
  return readToken(file);
}

/** An empty token would let everyone in. */
export async function readToken(file: string): Promise<string> {
  const token = (await readFile(file, 'utf8')).trim();
  if (token === '') throw new Error(`${file} holds no token`);
  return token;
}

/** Compares in a time that tells nothing about the token. */
export function isAuthorized(header: string | undefined, token: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(header ?? ''), digest(`Bearer ${token}`));
}
