import { startVitest } from 'vitest/node';

/**
 * Every test of the project. The parts run one after another: virtual time and property tests use both cores, and the
 * end-to-end kills should not share them.
 */
const everything = [
  {
    name: 'unit, contract and workflow tests',
    include: ['test/**/*.test.ts'],
    exclude: ['test/e2e/**', 'test/client/**', 'test/integration/**', 'test/systemd/**', 'test/browser/**'],
  },
  {
    name: 'end-to-end tests with real processes',
    include: ['test/e2e/**/*.test.ts', 'test/client/**/*.test.ts'],
    exclude: [],
  },
];
const integration = [
  {
    name: 'integration tests with servers of this machine',
    include: ['test/integration/**/*.test.ts'],
    exclude: [],
  },
];
/** Apart, and asked for by name: it starts a service manager, as root, in a control group of its own. */
const systemd = [
  { name: 'the recipe for systemd, with a real one', include: ['test/systemd/**/*.test.ts'], exclude: [] },
];
const browser = [{ name: 'the page in a real browser', include: ['test/browser/**/*.test.ts'], exclude: [] }];
const parts = process.argv.includes('--integration')
  ? integration
  : process.argv.includes('--browser')
    ? browser
    : process.argv.includes('--systemd')
      ? systemd
      : everything;

let passed = 0;
let failed = 0;

for (const part of parts) {
  process.stdout.write(`\n${part.name}\n`);
  const vitest = await startVitest('test', [], {
    config: new URL('./vitest.config.ts', import.meta.url).pathname,
    run: true,
    watch: false,
    include: part.include,
    exclude: ['**/node_modules/**', ...part.exclude],
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
}

process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
process.exit(failed === 0 ? 0 : 1);
