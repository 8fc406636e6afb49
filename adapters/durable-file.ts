import { randomUUID } from 'node:crypto';
import { link, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Writes the whole file or nothing: after a crash or power loss readers find the old text or the new one. */
export async function replaceFile(path: string, text: string, mode = 0o644): Promise<void> {
  const draft = await writeDraft(path, text, mode);
  await rename(draft, path);
  await syncFolder(dirname(path));
}

/** Like {@link replaceFile} for a file that must not exist yet; `false` when it does, which changes nothing. */
export async function createFile(path: string, text: string, mode = 0o644): Promise<boolean> {
  const draft = await writeDraft(path, text, mode);
  try {
    await link(draft, path);
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
  await syncFolder(dirname(path));
  return true;
}

/** Makes renames and new names in the folder survive a power loss. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Whether a failed call failed with this `errno` name, such as `ENOENT`. */
export function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

async function writeDraft(path: string, text: string, mode: number): Promise<string> {
  const draft = `${path}.${randomUUID()}.tmp`;
  const handle = await open(draft, 'wx', mode);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return draft;
}
