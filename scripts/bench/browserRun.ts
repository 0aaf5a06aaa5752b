// Builds the page of the decode benchmark, serves it cross-origin isolated and opens it in
// Chromium.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, type Page } from '@playwright/test';
import { build, type Plugin } from 'vite';
import { ensureBrowser } from '../browser.mjs';
import { serve } from '../serve.mjs';
import type { BenchPage } from './browser/page.ts';

declare global {
  interface Window {
    espalierBench: BenchPage;
  }
}

const ARGS = [
  '--no-sandbox',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  // Memory is counted at once, after a garbage collection, instead of with the next one.
  '--enable-blink-features=ForceEagerMeasureMemory',
];

/** Finer clocks, threads, and a count of the page's memory. */
const ISOLATED = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
};

/**
 * transformers.js brings an ONNX Runtime of its own, of another version: it gets the one that
 * everyone uses.
 */
function oneOrt(): Plugin {
  return {
    name: 'one-onnxruntime',
    enforce: 'pre',
    resolveId: (source, importer) =>
      source.startsWith('onnxruntime-') &&
      importer?.replaceAll('\\', '/').includes('/@huggingface/transformers/')
        ? fileURLToPath(new URL('./browser/chosenOrt.ts', import.meta.url))
        : null,
  };
}

/** The page into `out`, which may hold other files to serve. */
export async function buildBenchPage(root: string, out: string): Promise<void> {
  await build({
    root: join(root, 'scripts/bench/browser'),
    configFile: false,
    logLevel: 'error',
    publicDir: false,
    plugins: [oneOrt()],
    worker: { format: 'es', plugins: () => [oneOrt()] },
    build: {
      outDir: out,
      emptyOutDir: false,
      target: 'es2023',
      assetsInlineLimit: 0,
      chunkSizeWarningLimit: 5000,
    },
  });
}

export interface BrowserRun {
  page: Page;
  browser: string;
  /** Resident bytes of the page's process, where the system tells. */
  residentBytes(): Promise<number | null>;
  close(): Promise<void>;
}

/** @param softwareGpu gives a browser without a GPU a WebGPU adapter that computes on the CPU. */
export async function openBenchPage(site: string, softwareGpu: boolean): Promise<BrowserRun> {
  const server = await serve(site, { headers: ISOLATED });
  const gpu = softwareGpu ? ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'] : [];
  const browser = await chromium.launch({
    executablePath: ensureBrowser(),
    args: [...ARGS, ...gpu],
  });
  const close = async (): Promise<void> => {
    await browser.close();
    await server.close();
  };
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(0);
    page.on('pageerror', (error) => console.error(`page: ${error.message}`));
    page.on(
      'console',
      (message) => message.type() === 'error' && console.error(`page: ${message.text()}`),
    );
    await page.goto(server.url);
    await page.waitForFunction(() => 'espalierBench' in window, null, { timeout: 60_000 });
    return {
      page,
      browser: `Chromium ${browser.version()}`,
      async residentBytes() {
        const session = await browser.newBrowserCDPSession();
        const { processInfo } = await session.send('SystemInfo.getProcessInfo');
        await session.detach();
        const sizes = processInfo
          .filter(({ type }) => type === 'renderer')
          .map(({ id }) => resident(id));
        return Math.max(...sizes) > 0 ? Math.max(...sizes) : null;
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function resident(pid: number): number {
  try {
    const kilobytes = /^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kilobytes ?? 0) * 1024;
  } catch {
    return 0;
  }
}
