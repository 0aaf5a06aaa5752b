import { defineConfig } from '@playwright/test';
import { ensureBrowser } from './scripts/browser.mjs';

const executablePath = process.env.CHROME_PATH ?? ensureBrowser();

// The flags keep the browser from asking the network for anything.
const ARGS = [
  '--no-sandbox',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];
// WebGPU without a GPU.
const SWIFTSHADER = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];

export default defineConfig({
  testDir: 'e2e',
  outputDir: 'test-results/e2e',
  // Last resorts, several times what a slow machine takes that is busy with other things; no test
  // depends on time.
  timeout: 400_000,
  expect: { timeout: 100_000 },
  fullyParallel: true,
  workers: 2,
  // A test that passes only when it is repeated is named at the end of the run.
  retries: 1,
  use: {
    baseURL: 'http://127.0.0.1:4173/espalier/',
    viewport: { width: 1440, height: 900 },
    // A first visit reloads itself for threads: one spec is about that, the others keep their page.
    serviceWorkers: 'block',
  },
  projects: [
    // First, since its longest file runs in one worker: the others' tests fill the second one.
    {
      name: 'webgpu',
      testMatch: /(webgpu|runtime)\.spec\.ts/,
      use: { launchOptions: { executablePath, args: [...ARGS, ...SWIFTSHADER] } },
    },
    {
      name: 'wasm',
      testIgnore: /(webgpu|runtime|firefox)\.spec\.ts/,
      use: { launchOptions: { executablePath, args: ARGS } },
    },
    // Starts its browser itself, where there is one.
    { name: 'firefox', testMatch: /firefox\.spec\.ts/ },
  ],
  webServer: [
    {
      // The built site under a sub-path, as a plain static host serves it.
      command: 'node scripts/serve.mjs dist --port 4173 --base /espalier/',
      url: 'http://127.0.0.1:4173/espalier/',
    },
    {
      // The page of the runtime checks, which is no part of the product.
      command: 'node node_modules/vite/bin/vite.js --host 127.0.0.1 --port 4174 --strictPort',
      url: 'http://127.0.0.1:4174/e2e/runtime.html',
    },
  ],
});
