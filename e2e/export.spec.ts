// Exports that the disk ends: the page says why, keeps plan and scores, leaves no folder, and the
// next click goes on.

import type { Page } from '@playwright/test';
import { expect, finished, giveWindows, golden, openSample, test } from './app.ts';

const {
  windows: [tokens = []],
  baseline_nll_per_sample: [nll = 0],
} = golden<{ windows: number[][]; baseline_nll_per_sample: number[] }>('sample');

/**
 * Names of what lies in the origin's private file system, which stands in for the folder that was
 * picked.
 */
const listed = (page: Page): Promise<string[]> =>
  page.evaluate(async () => {
    const names: string[] = [];
    for await (const name of (await navigator.storage.getDirectory()).keys()) names.push(name);
    return names;
  });

/** Scores the sample, takes a block out and fills the export's form. */
async function prepare(page: Page): Promise<void> {
  await page.evaluate(() => {
    Object.assign(window, { showDirectoryPicker: () => navigator.storage.getDirectory() });
  });
  await openSample(page);
  await giveWindows(page, [tokens]);
  await page.getByTestId('score').click();
  await finished(page);
  await page.getByTestId('block-9').uncheck();
  await page.getByTestId('export').click();
  await page.getByTestId('target-folder').check();
  await page.getByTestId('export-name').fill('mine');
}

async function expectKept(page: Page): Promise<void> {
  expect(await listed(page)).toEqual([]);
  await expect(page.getByTestId('export-name')).toHaveValue('mine');
  await expect(page.getByTestId('kept-count')).toContainText('15 of 16');
  await expect(page.getByTestId('ppl-original')).toHaveText(Math.exp(nll).toFixed(2));
}

test('a disk that runs full, then one with room', async ({ app: page, baseURL }) => {
  const { origin } = new URL(baseURL ?? '');
  const session = await page.context().newCDPSession(page);
  await prepare(page);
  await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 5e6 });
  await page.getByTestId('export-start').click();
  // Chromium tells a full disk in one of two ways.
  await expect(page.getByTestId('error-export')).toContainText(
    /(There is no room left on the disk for|The browser stopped writing) onnx\/model\.onnx_data\..*free some space.* or choose another/i,
  );
  await expectKept(page);

  await session.send('Storage.overrideQuotaForOrigin', { origin });
  await page.getByTestId('export-start').click();
  await expect(page.getByTestId('verdict')).toHaveText(/Verified/);
  await expect(page.getByTestId('error-export')).toBeHidden();
  expect(await listed(page)).toEqual(['mine']);
});

test('leave to write that is withdrawn, a folder that goes away, then an export', async ({
  app: page,
}) => {
  // The worker that writes fails at its weights file, each time in another way; handles cannot be
  // replaced from outside.
  await page.context().route('**/assets/studio-*.js', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `${FAILING};${await response.text()}` });
  });
  await page.reload();
  await prepare(page);
  for (const [words, hint] of [
    ['The browser may not write onnx/model.onnx_data.', 'allow writing'],
    [
      'The folder that onnx/model.onnx_data was written to does not exist any more.',
      'choose a place',
    ],
  ] as const) {
    await page.getByTestId('export-start').click();
    await expect(page.getByTestId('error-export')).toContainText(words);
    await expect(page.getByTestId('error-export')).toContainText(hint);
    await expectKept(page);
  }

  await page.getByTestId('export-start').click();
  await expect(page.getByTestId('verdict')).toHaveText(/Verified/);
  expect(await listed(page)).toEqual(['mine']);
});

test('a model above the budget is verified block by block, and the verdict says so', async ({
  app: page,
}) => {
  await openSample(page);
  await page.getByTestId('settings').first().click();
  const dialog = page.getByTestId('settings-dialog');
  await dialog.getByTestId('memory-budget').fill('8');
  await dialog.getByTestId('samples').fill('2');
  await dialog.getByTestId('score-with-settings').click();
  await expect(page.getByTestId('measured-on')).toContainText('2 windows');
  await page.getByTestId('block-9').uncheck();
  await page.getByTestId('export').click();
  await page.getByTestId('target-zip').check();
  await page.getByTestId('export-start').click();
  await expect(page.getByTestId('verdict')).toHaveAttribute('data-status', 'in-parts');
  await expect(page.getByTestId('verdict')).toContainText('Verified block by block');
  await expect(page.getByTestId('verify-checks')).toContainText('not run: runs whole');
  await expect(page.getByTestId('verify-checks')).toContainText(
    '✓ likelihood of one window, block by block',
  );
  await expect(page.getByTestId('save-zip')).toBeVisible();
});

/** Put before the worker's own code: large writes fail twice, then all is well. */
const FAILING = `{
  const write = FileSystemWritableFileStream.prototype.write;
  const faults = ['NotAllowedError', 'NotFoundError'];
  FileSystemWritableFileStream.prototype.write = async function (data) {
    const fault = (data.size ?? data.length) > 2e6 ? faults.shift() : undefined;
    if (fault) throw new DOMException('simulated', fault);
    return write.call(this, data);
  };
}`;
