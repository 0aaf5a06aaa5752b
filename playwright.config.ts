import { defineConfig } from '@playwright/test';
import { ensureBrowser } from './scripts/browser.mjs';

// WebGPU without a GPU: SwiftShader. The other flags keep the browser from asking the network for anything.
export const BROWSER_ARGS = [
  '--no-sandbox',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

export default defineConfig({
  testDir: 'e2e',
  outputDir: 'test-results/e2e',
  timeout: 120_000,
  expect: { timeout: 20_000 },
  fullyParallel: false,
  workers: 1,
  retries: 0,
  use: {
    baseURL: 'http://127.0.0.1:4173/espalier/',
    viewport: { width: 1440, height: 900 },
    launchOptions: { executablePath: process.env.CHROME_PATH ?? ensureBrowser(), args: BROWSER_ARGS },
  },
  webServer: {
    // The built site under a sub-path, as a plain static host serves it.
    command: 'node scripts/serve.mjs dist --port 4173 --base /espalier/',
    url: 'http://127.0.0.1:4173/espalier/',
    reuseExistingServer: false,
  },
});
