// Shared by the end-to-end tests: opens the page, drops folders as the system does, reads exports.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { test as base, expect, type Page } from '@playwright/test';
import { unzip } from 'unzipit';
import { fixturePath, golden } from '../src/testing/fixtures.ts';
import type { WorkspaceId } from '../src/words/workspaces.ts';

export { expect, fixturePath as fixture, golden };

/** Fails a test whose page asks any other origin for anything, throws, or logs an error. */
export const test = base.extend<{ app: Page }>({
  app: async ({ page, baseURL }, use) => {
    const origin = new URL(baseURL ?? '').origin;
    const foreign: string[] = [];
    const faults: string[] = [];
    page.context().on('request', (request) => {
      const url = request.url();
      if (!url.startsWith(origin) && !/^(blob|data):/.test(url)) foreign.push(url);
    });
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') faults.push(message.text());
    });
    // Without a save picker, which tests cannot drive, a zip comes back as a download.
    await page.addInitScript(() => Reflect.deleteProperty(window, 'showSaveFilePicker'));
    await page.goto('./');
    await use(page);
    // What the page still loads must not come to a handler when it is closed.
    await page.context().unrouteAll({ behavior: 'ignoreErrors' });
    expect(foreign, 'requests that leave the origin').toEqual([]);
    expect(faults, 'errors of the page').toEqual([]);
  },
});

/**
 * Drops files or folders of the disk on the middle of the page, through the browser's own drag
 * events.
 */
export async function drop(page: Page, ...paths: string[]): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files: paths.map((path) => resolve(path)), dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const)
    await session.send('Input.dispatchDragEvent', { type, x: 700, y: 400, data });
  await session.detach();
}

/** Windows of token ids as the calibration text, through the settings dialog. */
export async function giveWindows(
  page: Page,
  windows: readonly (readonly number[])[],
): Promise<void> {
  await page.getByTestId('settings').first().click();
  await page.getByTestId('text-paste').check();
  await page.getByTestId('pasted-text').fill(JSON.stringify(windows));
  await page.getByTestId('use-pasted').click();
  await page.keyboard.press('Escape');
}

/** Jobs run on WebGPU from now on, whatever is faster; in the settings, as a person chooses it. */
export async function useWebgpu(page: Page): Promise<void> {
  await page.getByTestId('settings').first().click();
  await page.getByTestId('device-select').selectOption('webgpu');
  await page.keyboard.press('Escape');
  await expect(page.getByTestId('device-chip')).toHaveText('WebGPU, self-test passed');
}

/** Opens a workspace by its tab. */
export async function workspace(page: Page, id: WorkspaceId): Promise<void> {
  await page.getByTestId(`tab-${id}`).click();
  await expect(page.getByTestId(`workspace-${id}`)).toBeVisible();
}

/** No plan is measured by itself from now on; the workspace stays. */
export async function measureByHand(page: Page): Promise<void> {
  const before = (await page.getByRole('tab', { selected: true }).textContent()) ?? '';
  await workspace(page, 'speed');
  await page.getByTestId('speed-auto').uncheck();
  await page.getByRole('tab', { name: before }).click();
}

/** The sample as a folder of the disk: nothing is scored or measured by itself. */
export async function openSample(page: Page): Promise<void> {
  await drop(page, 'public/sample');
  await page.getByTestId('graph-onnx/model.onnx').click();
  await expect(page.getByTestId('model-chip')).toContainText('16 blocks');
  await measureByHand(page);
}

/** Waits for the finished curve. */
export async function finished(page: Page): Promise<void> {
  await expect(page.getByTestId('measured-on')).toBeVisible({ timeout: 200_000 });
}

/** The sample with a curve of two short windows, for what needs one and not its numbers. */
export async function openScored(page: Page): Promise<void> {
  await openSample(page);
  await page.getByTestId('score-quick').click();
  await finished(page);
}

/**
 * Exports the plan as a zip, waits for the verdict and unpacks the download into a temporary
 * folder.
 */
export async function exportZip(
  page: Page,
): Promise<{ folder: string; files: Map<string, Uint8Array>; remove(): void }> {
  await page.getByTestId('export').click();
  await page.getByTestId('target-zip').check();
  await page.getByTestId('export-start').click();
  await expect(page.getByTestId('verdict')).toHaveText(/Verified/);
  const download = page.waitForEvent('download');
  await page.getByTestId('save-zip').click();
  const zip = readFileSync(await (await download).path());
  const { entries } = await unzip(new Uint8Array(zip));
  const root = mkdtempSync(join(tmpdir(), 'espalier-'));
  const files = new Map<string, Uint8Array>();
  for (const [name, entry] of Object.entries(entries)) {
    const bytes = new Uint8Array(await entry.arrayBuffer());
    files.set(name.slice(name.indexOf('/') + 1), bytes);
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), bytes);
  }
  const folder = join(root, Object.keys(entries)[0]?.split('/')[0] ?? '');
  return { folder, files, remove: () => rmSync(root, { recursive: true, force: true }) };
}

export const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);
