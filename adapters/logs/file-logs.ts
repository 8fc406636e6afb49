import { glob, open } from 'node:fs/promises';
import { type FileExcerpt, readExcerpt } from './file-excerpt.ts';
import type { LogExcerpt, LogRequest, LogSource } from './log-source.ts';

export interface FileLogsOptions {
  /** Paths or globs, `{service}` standing for the service: `/var/log/{service}/*.log`. */
  readonly paths: readonly string[];
}

/** Reads log files of this host, however large they are. */
export function createFileLogs({ paths }: FileLogsOptions): LogSource {
  return {
    async excerpt(request) {
      const patterns = paths.map((path) => path.replaceAll('{service}', () => request.service));
      const files = await filesOf(patterns);
      if (files.length === 0)
        return { lines: [], total: 0, reference: `no log file at ${patterns.join(', ')}` };
      const excerpts: FileExcerpt[] = [];
      for (const path of files) excerpts.push(await readFile(path, request));
      return together(excerpts, request.limit);
    },
  };
}

async function filesOf(patterns: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  for (const pattern of patterns) for await (const path of glob(pattern)) found.add(path);
  return [...found].sort();
}

async function readFile(path: string, request: LogRequest): Promise<FileExcerpt> {
  try {
    await using file = await open(path, 'r');
    const { size, mtimeMs } = await file.stat();
    return await readExcerpt({ file, path, size, changedAtMs: mtimeMs }, request);
  } catch (error) {
    request.signal.throwIfAborted();
    return {
      matching: [],
      first: [],
      total: 0,
      reference: `${path} could not be read: ${(error as Error).message}`,
    };
  }
}

/** Several files make one excerpt in the order of time; where nothing matches, the first lines at all are shown. */
function together(excerpts: readonly FileExcerpt[], limit: number): LogExcerpt {
  const total = excerpts.reduce((sum, excerpt) => sum + excerpt.total, 0);
  const entries = excerpts.flatMap((excerpt) => (total > 0 ? excerpt.matching : excerpt.first));
  const lines = entries.sort((a, b) => a.atMs - b.atMs).slice(0, limit);
  const shown = excerpts.filter((excerpt) => total === 0 || excerpt.total > 0 || excerpts.length === 1);
  const note =
    total === 0 && lines.length > 0 ? '; nothing looks like an error, these are the first lines' : '';
  const reference = `${shown.map((excerpt) => excerpt.reference).join(', ')}${note}`;
  return { lines: lines.map((entry) => entry.text), total, reference };
}
