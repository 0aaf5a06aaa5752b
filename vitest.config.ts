import { configDefaults, defineConfig } from 'vitest/config';

/**
 * Files that measure their own process, or change what others would see: each in its own. Steps are
 * counted of functions that have not run before (`startCounting` in src/testing/work.ts).
 */
const ALONE = [
  'scripts/**/*.test.ts',
  'src/**/{bombs,hostile*}.test.ts',
  'src/runtime/{choice,device}/**/*.test.ts',
  'src/state/kept/**/*.test.ts',
];

// Pure rooms and the runtime in Node, on the real onnxruntime-web. Browser tests live in e2e/ and
// run under Playwright.
export default defineConfig({
  test: {
    // Last resorts, several times what a slow machine takes that is busy with other things: no test
    // depends on time.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    pool: 'forks',
    maxWorkers: 2,
    setupFiles: ['src/node/testing/closeFolders.ts'],
    // For the tests that load onnxruntime-node themselves: it would report how it is used.
    env: { ORT_DISABLE_TELEMETRY: '1' },
    projects: [
      { extends: true, test: { name: 'alone', include: ALONE } },
      // One after the other in the same two processes: what they share is loaded once, ONNX Runtime
      // is compiled once.
      {
        extends: true,
        test: {
          name: 'shared',
          include: ['src/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...ALONE],
          isolate: false,
          env: { TEST_FILES_SHARE_A_PROCESS: '1' },
        },
      },
    ],
  },
});
