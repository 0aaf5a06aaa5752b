// The built site on a plain host, with its service worker: several threads after the first visit,
// everything without the network, and new versions on request. The other specs block it.

import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test as bare, type Page } from '@playwright/test';
import { serve } from '../scripts/serve.mjs';
import { siteFilesOf } from '../scripts/siteFiles.ts';
import { VERSION } from '../src/version.ts';
import { drop, expect, exportZip, finished, fixture, giveWindows, golden, text } from './app.ts';

interface SampleGolden {
  windows: number[][];
  loo_nll_per_sample: number[][];
  baseline_nll_per_sample: number[];
}
const expected = golden<SampleGolden>('sample');
const BASE = '/some/where/';

/** What a page says on its console or is kept from. */
const test = bare.extend<{ faults: string[] }>({
  faults: async ({ page }, use) => {
    const faults: string[] = [];
    page.context().on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) faults.push(message.text());
    });
    page.on('pageerror', (error) => faults.push(error.message));
    await page.context().addInitScript(() => {
      // Pickers that tests cannot drive: a zip comes as a download, a folder by <input>.
      for (const name of ['showSaveFilePicker', 'showOpenFilePicker', 'showDirectoryPicker'])
        Reflect.deleteProperty(window, name);
      document.addEventListener('securitypolicyviolation', (event) =>
        console.error(`blocked by the policy: ${event.effectiveDirective} ${event.blockedURI}`),
      );
    });
    await use(faults);
    expect(faults, 'errors and warnings').toEqual([]);
  },
});
test.use({ serviceWorkers: 'allow' });

/** The first visit, until the page has reloaded itself. No script runs before: it counts as use. */
async function firstVisit(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await page.waitForEvent('load');
  await page.getByTestId('open-sample').waitFor();
}

/** As if that number had been found to be fastest here: what is fastest is not for a test to say. */
function useThreads(page: Page, threads: number): Promise<void> {
  const found = { threads, runs: [1, threads].map((n) => ({ threads: n, seconds: 1 / n })) };
  return page.evaluate(
    ({ version, value }) =>
      new Promise<void>((resolve, reject) => {
        const key = `self-test threads | ${navigator.hardwareConcurrency} cores | ${version}`;
        const opening = indexedDB.open('espalier');
        opening.onupgradeneeded = () => opening.result.createObjectStore('remembered');
        opening.onerror = () => reject(opening.error);
        opening.onsuccess = () => {
          const writing = opening.result.transaction('remembered', 'readwrite');
          writing.objectStore('remembered').put(JSON.stringify(value), key);
          writing.oncomplete = () => {
            opening.result.close();
            resolve();
          };
        };
      }),
    { version: `Espalier ${VERSION} | 1`, value: { at: Date.now(), found } },
  );
}

/** Paths of the kept files, by cache; of those named by their content without the rest. */
function keptFiles(page: Page): Promise<string[][]> {
  return page.evaluate(async (base) => {
    const caches_ = await Promise.all((await caches.keys()).map((name) => caches.open(name)));
    const keys = await Promise.all(caches_.map((one) => one.keys()));
    return keys.map((list) => list.map(({ url }) => new URL(url).pathname.slice(base.length)));
  }, BASE);
}

const isolated = (page: Page) => page.evaluate(() => crossOriginIsolated);

// Without a second core there is nothing to reload for.
test.skip(availableParallelism() < 2, 'this machine has one core');

test('several threads after the first visit, then the whole job without the network', async ({
  page,
  faults,
}) => {
  const host = await serve('dist', { base: BASE });
  await firstVisit(page, `${host.url}#plan=3`);
  expect(await isolated(page)).toBe(true);
  expect(new URL(page.url()).hash).toBe('#plan=3');
  const session = await page.context().newCDPSession(page);
  expect((await session.send('Page.getAppManifest')).errors).toEqual([]);
  const { installabilityErrors } = await session.send('Page.getInstallabilityErrors');
  // A page of a test is a private one.
  expect(installabilityErrors.map(({ errorId }) => errorId)).toEqual(['in-incognito']);

  await useThreads(page, 2);
  await page.getByTestId('open-sample').click();
  await page.getByTestId('cancel').click();
  await expect(page.getByTestId('cancel')).toBeHidden();
  await giveWindows(page, expected.windows.slice(0, 2));
  await page.getByTestId('score').first().click();
  await finished(page);
  await expect(page.getByTestId('measured-on')).toContainText('CPU (wasm, 2 threads)');
  await page.getByTestId('device-chip').click();
  await expect(page.getByTestId('thread-measurement')).toHaveText('2 threads: 2.0 x one thread');
  await page.keyboard.press('Escape');
  const first = await exportZip(page);
  first.remove();
  const record = JSON.parse(text(first.files.get('espalier.json')));
  for (const [block, windows] of expected.loo_nll_per_sample.entries())
    for (const w of [0, 1])
      expect(
        Math.abs(record.score.blocks[block].nllPerWindow[w] - (windows[w] ?? Number.NaN)),
      ).toBeLessThan(1e-4);
  await page.keyboard.press('Escape');

  await host.close();
  faults.length = 0;
  await page.reload();
  expect(await isolated(page)).toBe(true);
  await page.getByTestId('open-sample').click();
  await expect(page.getByTestId('model-chip')).toContainText('16 blocks');
  await giveWindows(page, expected.windows.slice(0, 1));
  await page.getByTestId('score').first().click();
  await finished(page);
  await expect(page.getByTestId('measured-on')).toContainText('1 window');
  const original = Math.exp(expected.baseline_nll_per_sample[0] ?? 0);
  await expect(page.getByTestId('ppl-original')).toHaveText(original.toFixed(2));
  const second = await exportZip(page);
  second.remove();
  expect(second.files.size).toBeGreaterThan(5);
  await page.keyboard.press('Escape');
  const saving = page.waitForEvent('download');
  await page.getByTestId('take-importance').click();
  await page.getByTestId('take-importance-savePng').click();
  expect(
    readFileSync(await (await saving).path())
      .subarray(1, 4)
      .toString(),
  ).toBe('PNG');

  // Folders, by the picker and dropped.
  const choosing = page.waitForEvent('filechooser');
  await page.getByTestId('open').click();
  await (await choosing).setFiles(fixture('optimum-gemma3-fp32'));
  await expect(page.getByTestId('model-chip')).toContainText('6 blocks');
  await drop(page, fixture('optimum-llama-nokv'));
  await expect(page.getByTestId('model-chip')).toContainText('5 blocks');
});

test('a page in use is not reloaded by itself; what it used is kept all the same', async ({
  page,
  faults,
}) => {
  const host = await serve('dist', { base: BASE });
  await page.goto(host.url);
  await page.getByTestId('open-sample').click();
  await expect(page.getByTestId('progress')).toContainText(/block/);
  await page.getByTestId('cancel').click();
  expect(await isolated(page)).toBe(false);
  const used = async () => (await keptFiles(page)).flat();
  await expect.poll(used).toContain('sample/onnx/model.onnx_data');
  await expect
    .poll(async () => (await used()).filter((path) => /\.wasm$/.test(path)))
    .toHaveLength(1);

  await page.getByTestId('device-chip').click();
  await page.getByTestId('reload-for-threads').getByRole('button').click();
  await page.waitForEvent('load');
  expect(await isolated(page)).toBe(true);
  // Now the number of threads is measured.
  await page.getByTestId('open-sample').click();
  await page.getByTestId('device-chip').click();
  await expect(page.getByTestId('thread-measurement')).toHaveText(/^\d+ threads?\b/);
  await expect(page.getByTestId('reload-for-threads')).toHaveCount(0);
  expect(faults).toEqual([]);
  await host.close();
});

/** The site with its entry and its help under other names, as a new version would have them. */
function nextVersion(): string {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-next-'));
  cpSync('dist', folder, { recursive: true, filter: (path) => !/\.wasm$|sample\//.test(path) });
  const names = readdirSync(join(folder, 'assets')).filter((name) =>
    /^(index|HelpDialog)-.*\.js$/.test(name),
  );
  // A hash has eight characters, and a hyphen may be one of them.
  const renamed = (name: string) => name.replace(/-.{8}\.js$/, '-nextNext.js');
  const content = (path: string) =>
    names.reduce(
      (code, name) => code.replaceAll(name, renamed(name)),
      readFileSync(join(folder, path), 'utf8'),
    );
  const before = JSON.stringify(siteFilesOf('dist'));
  for (const path of [
    'index.html',
    ...readdirSync(join(folder, 'assets')).map((n) => `assets/${n}`),
  ])
    if (/\.(js|html)$/.test(path)) writeFileSync(join(folder, path), content(path));
  for (const name of names) {
    cpSync(join(folder, 'assets', name), join(folder, 'assets', renamed(name)));
    rmSync(join(folder, 'assets', name));
  }
  const worker = readFileSync('dist/sw.js', 'utf8');
  expect(worker).toContain(before);
  writeFileSync(
    join(folder, 'sw.js'),
    worker.replace(before, () => JSON.stringify(siteFilesOf(folder))),
  );
  return folder;
}

test('a new version comes on request; pages of the one before keep their files', async ({
  page,
  context,
  faults,
}) => {
  const next = nextVersion();
  const host = await serve('dist', { base: BASE });
  const port = Number(new URL(host.url).port);
  await firstVisit(page, host.url);
  const other = await context.newPage();
  await other.goto(host.url);
  await other.getByTestId('open-sample').waitFor();
  await host.close();
  const newHost = await serve(next, { base: BASE, port });
  const entry = () =>
    page.locator('script[type="module"]').evaluate((script) => (script as HTMLScriptElement).src);

  await page.reload();
  expect(await entry()).not.toContain('nextNext');
  const notice = page.getByText('A new version is ready.');
  await expect(notice).toBeVisible();
  const loading = page.waitForEvent('load');
  await page.getByRole('button', { name: 'Reload' }).click();
  await loading;
  expect(await entry()).toContain('nextNext');
  await expect(notice).toHaveCount(0);
  await expect(other.getByText('A new version is ready.')).toBeVisible();
  // The host no longer has the help of the version before.
  await other.getByTestId('help').click();
  await expect(other.getByTestId('help-dialog')).toBeVisible();
  expect((await keptFiles(page)).length).toBe(2);

  await other.close();
  // The worker may learn of the closed page a moment after the next visit has begun.
  await expect(async () => {
    await page.reload();
    expect((await keptFiles(page)).length).toBe(1);
  }).toPass();
  expect((await keptFiles(page)).flat().filter((path) => /nextNext/.test(path))).toHaveLength(2);
  expect(faults).toEqual([]);
  await newHost.close();
  rmSync(next, { recursive: true, force: true });
});
