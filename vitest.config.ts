import { defineConfig } from 'vitest/config';

// Pure rooms and the runtime in Node, on the real onnxruntime-web. Browser tests live in e2e/ and
// run under Playwright.
export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'scripts/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
