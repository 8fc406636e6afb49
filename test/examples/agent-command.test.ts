import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { entries } from '../../client/cli/table/groups.ts';

const root = new URL('../../', import.meta.url);

describe('.claude/commands/orchestrator.md', () => {
  it('runs the command line with the words of the specification, and names commands that exist', async () => {
    const text = await readFile(new URL('.claude/commands/orchestrator.md', root), 'utf8');
    const [, front = '', body = ''] = text.split(/^---$/m);
    expect(parse(front)).toMatchObject({
      description: expect.any(String),
      'allowed-tools': 'Bash(npx --no-install orchestrator:*)',
    });
    expect(body).toMatch(/^ {4}npx --no-install orchestrator \$ARGUMENTS$/m);
    expect(body).toContain('/orchestrator rollback analytics-dashboard "CEO noticed UI breaking"');
    expect(body).toContain('/orchestrator dashboard rollbacks');
    const named = [...body.matchAll(/orchestrator ([a-z]+)/g)].map(([, name]) => name as string);
    expect(entries.map(({ name }) => name)).toEqual(expect.arrayContaining([...new Set(named)]));
  });
});
