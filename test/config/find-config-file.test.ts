import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { findConfigFile } from '../../config/find-config-file.ts';
import { cleanUp, temporaryFolder } from '../adapters/temporary.ts';

afterEach(cleanUp);

const usual = 'rollback-config.yml';
const hidden = '.claude/advanced-features/rollback-config.yml';

describe('the configuration file', () => {
  it('is the first there is of --config, ROLLBACK_CONFIG and the usual places', async () => {
    const cwd = await temporaryFolder();
    await mkdir(join(cwd, '.claude/advanced-features'), { recursive: true });
    for (const name of ['a.yml', 'b.yml', usual, hidden]) await writeFile(join(cwd, name), '');
    const env = { ROLLBACK_CONFIG: 'b.yml' };
    expect(findConfigFile({ flag: 'a.yml', env, cwd })).toBe(join(cwd, 'a.yml'));
    expect(findConfigFile({ env, cwd })).toBe(join(cwd, 'b.yml'));
    expect(findConfigFile({ env: { ROLLBACK_CONFIG: '' }, cwd })).toBe(join(cwd, usual));
  });

  it('is found where the specification puts it', async () => {
    const cwd = await temporaryFolder();
    await mkdir(join(cwd, '.claude/advanced-features'), { recursive: true });
    await writeFile(join(cwd, hidden), '');
    expect(findConfigFile({ env: {}, cwd })).toBe(join(cwd, hidden));
  });

  it('that is named must be there', async () => {
    const cwd = await temporaryFolder();
    await writeFile(join(cwd, usual), '');
    expect(() => findConfigFile({ flag: 'gone.yml', env: {}, cwd })).toThrow(
      `--config names ${join(cwd, 'gone.yml')}, which does not exist`,
    );
  });

  it('that is nowhere is told with all places that were looked at', async () => {
    const cwd = await temporaryFolder();
    expect(() => findConfigFile({ env: {}, cwd })).toThrow(
      `no configuration file; looked for --config (not given), ROLLBACK_CONFIG (not set), ${join(cwd, usual)}, ${join(cwd, hidden)}`,
    );
  });
});
