import { startVitest } from 'vitest/node';

interface Suite {
  readonly name: string;
  readonly include: readonly string[];
  readonly exclude?: readonly string[];
}

/** What starts whole programs and waits in real time. */
const ends = ['test/e2e/**/*.test.ts', 'test/client/*.test.ts', 'test/examples/*.test.ts'];
/** The name of a suite is the word after `--`; without one it is the first, that of `npm test`. */
const suites: Readonly<Record<string, Suite>> = {
  quick: {
    name: 'unit, contract and workflow tests',
    include: ['test/**/*.test.ts'],
    exclude: [...ends, 'test/integration/**', 'test/systemd/**', 'test/browser/**'],
  },
  e2e: { name: 'end-to-end tests with real processes', include: ends },
  integration: {
    name: 'integration tests with servers of this machine',
    include: ['test/integration/**/*.test.ts'],
  },
  browser: { name: 'the page in a real browser', include: ['test/browser/**/*.test.ts'] },
  /** Apart, and asked for by name: it starts a service manager, as root, in a control group of its own. */
  systemd: { name: 'the recipe for systemd, with a real one', include: ['test/systemd/**/*.test.ts'] },
};

const asked = process.argv[2]?.replace(/^--/, '') ?? 'quick';
const suite = suites[asked];
if (suite === undefined)
  throw new Error(`suite ${JSON.stringify(asked)}; allowed: ${Object.keys(suites).join(', ')}`);

let passed = 0;
let failed = 0;

process.stdout.write(`\n${suite.name}\n`);
const vitest = await startVitest('test', [], {
  config: new URL('./vitest.config.ts', import.meta.url).pathname,
  run: true,
  watch: false,
  include: [...suite.include],
  exclude: ['**/node_modules/**', ...(suite.exclude ?? [])],
  maxWorkers: 2,
  reporters: ['default'],
});
for (const module of vitest.state.getTestModules()) {
  for (const test of module.children.allTests()) {
    const { state } = test.result();
    // A test that did not run proves nothing: it counts as failed.
    if (state === 'passed') passed += 1;
    else failed += 1;
  }
  if (module.errors().length > 0) failed += 1;
}
failed += vitest.state.getUnhandledErrors().length;
await vitest.close();

process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
process.exit(failed === 0 ? 0 : 1);
