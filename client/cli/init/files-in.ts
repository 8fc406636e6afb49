import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface FolderFile {
  /** Relative to the folder that was looked at. */
  readonly path: string;
  readonly text: string;
}

/** A folder of thousands of manifests is not read through for a suggestion. */
const mostFiles = 200;
const mostBytes = 1_000_000;

/** Text files of a few folders whose names fit, in order of their paths. What cannot be read is left out. */
export async function filesIn(root: string, folders: readonly string[], name: RegExp): Promise<FolderFile[]> {
  const found: FolderFile[] = [];
  for (const folder of folders) {
    const entries = await readdir(join(root, folder), { withFileTypes: true }).catch(() => []);
    const names = entries
      .filter((entry) => entry.isFile() && name.test(entry.name))
      .map((entry) => entry.name);
    for (const file of names.toSorted().slice(0, mostFiles)) {
      const path = join(folder, file);
      const text = await readFile(join(root, path), 'utf8').catch(() => null);
      if (text !== null && text.length <= mostBytes) found.push({ path, text });
    }
  }
  return found;
}
