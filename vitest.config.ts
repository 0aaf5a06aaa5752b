import { configDefaults, defineConfig } from 'vitest/config';

/**
 * Files of rooms without a runtime, which change nothing that others see: they run one after the
 * other in the same processes, so that what they share is loaded once.
 */
const LIGHT = [
  'src/{analysis,bridge,files,onnx,speed,text,ui,words}/**/*.test.ts',
  'src/state/*.test.ts',
  'src/state/!(kept)/**/*.test.ts',
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
    // For the tests that load onnxruntime-node themselves: it would report how it is used.
    env: { ORT_DISABLE_TELEMETRY: '1' },
    projects: [
      { extends: true, test: { name: 'light', include: LIGHT, isolate: false } },
      {
        extends: true,
        test: {
          name: 'rooms',
          include: ['src/**/*.test.ts', 'scripts/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...LIGHT],
        },
      },
    ],
  },
});
