import { defineConfig } from 'vitest/config';

// Pure rooms and the runtime in Node, on the real onnxruntime-web. Browser tests live in e2e/ and
// run under Playwright.
export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'scripts/**/*.test.ts'],
    // Last resorts, several times what a slow machine takes that is busy with other things: no test
    // depends on time.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    pool: 'forks',
    maxWorkers: 2,
    // For the tests that load onnxruntime-node themselves: it would report how it is used.
    env: { ORT_DISABLE_TELEMETRY: '1' },
  },
});
