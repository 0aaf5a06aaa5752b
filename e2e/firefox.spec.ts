// The page in Firefox, which has neither WebGPU everywhere nor pickers that write: scored on wasm,
// pruned, saved as a zip, verified.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, expect, firefox, type Page, test } from '@playwright/test';
import { unzip } from 'unzipit';
import { findFirefox } from '../scripts/browser.mjs';
import { golden } from '../src/testing/fixtures.ts';

const found = findFirefox();
const downloads = mkdtempSync(join(tmpdir(), 'espalier-'));
let browser: Browser | null = null;
let page: Page;
/** Why this Firefox is not to be had, or ''. */
let obstacle = found ? '' : 'there is no Firefox on this machine';

/** Of Playwright's server side, which runs in this process: what sends WebDriver BiDi commands. */
interface Sender {
  send(method: string, params: unknown): Promise<unknown>;
}

/**
 * A Firefox of the system may be older than Playwright expects: what it cannot emulate is left as
 * it is.
 */
function withoutEmulation(started: Browser): void {
  const connection: { toImpl?: (object: object) => { _browserSession?: Sender } } | undefined =
    Reflect.get(started, '_connection');
  const session = connection?.toImpl?.(started)?._browserSession;
  if (!session) return;
  const send = session.send.bind(session);
  session.send = (method, params) =>
    method.startsWith('emulation.')
      ? send(method, params).catch((error: unknown) => {
          if (!String(error).includes('unknown command')) throw error;
          return {};
        })
      : send(method, params);
}

test.beforeAll(async () => {
  if (!found) return;
  try {
    const channel = found.own ? {} : { channel: 'moz-firefox' };
    browser = await firefox.launch({
      ...channel,
      executablePath: found.path,
      downloadsPath: downloads,
      timeout: 60_000,
    });
    if (!found.own) withoutEmulation(browser);
    const viewport = { width: 1440, height: 900 };
    page = await browser.newPage({ viewport, serviceWorkers: 'block' });
  } catch (error) {
    obstacle = `${found.path} cannot be driven by this Playwright: ${String(error).split('\n')[0]}`;
  }
});

test.afterAll(async () => {
  await browser?.close();
  rmSync(downloads, { recursive: true, force: true });
});

test('the sample in Firefox: scored on wasm, pruned, saved as a zip, verified', async ({
  baseURL,
}) => {
  test.setTimeout(400_000);
  test.skip(obstacle !== '', obstacle);
  const base = baseURL ?? '';
  const foreign: string[] = [];
  const faults: string[] = [];
  page.on('request', (request) => {
    if (!request.url().startsWith(new URL(base).origin) && !/^(blob|data):/.test(request.url()))
      foreign.push(request.url());
  });
  page.on('pageerror', (error) => faults.push(error.message));
  const expected = golden<{ baseline_ppl: number; ppl_order: number[] }>('sample');

  await page.goto(base);
  await page.getByTestId('open-sample').click();
  await expect(page.getByTestId('model-chip')).toContainText('16 blocks');
  await expect(page.getByTestId('measured-on')).toContainText('CPU (wasm', { timeout: 200_000 });
  await expect(page.getByTestId('ppl-original')).toHaveText(expected.baseline_ppl.toFixed(2));
  await page.getByTestId(`block-${expected.ppl_order[0]}`).uncheck();
  await expect(page.getByTestId('ppl-pruned')).toHaveAttribute('data-stale', 'false');

  await page.getByTestId('export').click();
  await expect(page.getByTestId('export-dialog')).toContainText(
    'this browser cannot write folders',
  );
  await expect(page.getByTestId('target-zip')).toBeChecked();
  await page.getByTestId('export-start').click();
  await expect(page.getByTestId('verdict')).toHaveText(/Verified/);
  await page.getByTestId('save-zip').click();
  const saved = () =>
    readdirSync(downloads, { recursive: true, withFileTypes: true }).find((entry) =>
      entry.isFile(),
    );
  await expect.poll(() => saved()?.name).toBeDefined();
  const zip = saved();
  const { entries } = await unzip(
    new Uint8Array(readFileSync(join(zip?.parentPath ?? '', zip?.name ?? ''))),
  );
  const names = Object.keys(entries).map((name) => name.slice(name.indexOf('/') + 1));
  expect(names).toEqual(
    expect.arrayContaining([
      'config.json',
      'espalier.json',
      'onnx/model.onnx',
      'onnx/model.onnx_data',
    ]),
  );
  expect([foreign, faults]).toEqual([[], []]);
});
