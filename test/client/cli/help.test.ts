import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { helpOf, overallHelp } from '../../../client/cli/help.ts';
import { manPage } from '../../../client/cli/man-page.ts';
import { exitMeanings, variableMeanings } from '../../../client/cli/table/common.ts';
import { entries } from '../../../client/cli/table/groups.ts';
import { version } from '../../../client/cli/version.ts';
import { runCli } from '../run-cli.ts';

const page = new URL('../../../man/orchestrator.1', import.meta.url);

describe('help', () => {
  it.each(entries.map((entry) => [entry.name, entry] as const))(
    'of %s says what it does, its words, codes, variables and an example',
    (name, entry) => {
      const help = helpOf(entry);
      expect(help).toContain(`Usage: orchestrator ${name}`);
      expect(help).toMatch(new RegExp(`Examples?:\n  .*orchestrator ${name}`));
      for (const { name: argument } of entry.args ?? []) expect(help).toContain(`  ${argument}  `);
      for (const { flags } of entry.options ?? []) expect(help).toContain(`  ${flags}  `);
      for (const code of [0, 1, 2, ...(entry.exits ?? [])])
        expect(help).toMatch(new RegExp(`^ {2}${code} +${exitMeanings[code]}`, 'm'));
      for (const variable of entry.variables ?? []) expect(variableMeanings).toHaveProperty(variable);
      const names = entries.map((other) => other.name);
      expect(names).toEqual(expect.arrayContaining([...(entry.seeAlso ?? [])]));
    },
  );

  it.each([80, 100])('keeps to a terminal of %i columns', (width) => {
    const texts = [overallHelp(width), ...entries.map((entry) => helpOf(entry, width))];
    const prose = texts.flatMap((text) => text.split('\n')).filter((line) => !line.includes('orchestrator '));
    expect(prose.filter((line) => line.length > width)).toEqual([]);
  });

  it('is what the program prints', async () => {
    const { code, stdout } = await runCli(['gate', '--help']);
    expect(code).toBe(0);
    expect(stdout).toBe(`${helpOf(entries.find(({ name }) => name === 'gate') as never)}\n`);
  });
});

describe('the man page', () => {
  it('is up to date: node client/cli/write-man-page.ts', async () => {
    expect(await readFile(page, 'utf8')).toBe(manPage(version()));
  });

  it('names every command, option, code and variable', () => {
    const text = manPage('1').replaceAll('\\-', '-');
    const words = entries.flatMap(({ name, options = [] }) => [name, ...options.map(({ flags }) => flags)]);
    for (const word of [...words, ...Object.keys(exitMeanings), ...Object.keys(variableMeanings)])
      expect(text).toContain(word);
  });

  it('is well formed, as far as can be told without groff: no line begins with a request that is not one', () => {
    const requests = manPage('1')
      .split('\n')
      .flatMap((line) => /^[.'](\S+)/.exec(line)?.slice(1) ?? []);
    const known = ['\\"', 'TH', 'SH', 'SS', 'TP', 'B', 'I', 'RI', 'PP', 'EX', 'EE'];
    expect(requests.filter((request) => !known.includes(request))).toEqual([]);
  });

  it('gives groff nothing to warn of, where there is one', () => {
    if (!has('groff')) return;
    const warnings = execFileSync('groff', ['-man', '-ww', '-z', page.pathname], { stdio: 'pipe' });
    expect(warnings.toString()).toBe('');
  });
});

function has(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
