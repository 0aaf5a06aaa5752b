// Faults in the middle of work: each ends in a state from which one click goes on, with plan and
// scores as they were.

import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import {
  drop,
  expect,
  exportZip,
  finished,
  fixture,
  giveWindows,
  golden,
  measureByHand,
  openSample,
  test,
} from './app.ts';

const NAME = 'genai-llama-fp32-webgpu';
const DATA = 'model.onnx.data';

/** A copy of a model folder that may be changed. */
function copyOf(name: string): { folder: string; remove(): void } {
  const root = mkdtempSync(join(tmpdir(), 'espalier-'));
  const folder = join(root, name);
  cpSync(fixture(name), folder, { recursive: true });
  return { folder, remove: () => rmSync(root, { recursive: true, force: true }) };
}

/** The same bytes, written once more: for the browser the file is another one. */
function rewrite(path: string): void {
  const bytes = readFileSync(path);
  rmSync(path);
  writeFileSync(path, bytes);
}

/** Opens the folder and scores it on one window. */
async function scoredFolder(page: Page, folder: string): Promise<string> {
  await drop(page, folder);
  await expect(page.getByTestId('model-chip')).toContainText('5 blocks');
  await measureByHand(page);
  await giveWindows(page, golden(NAME).windows.slice(0, 1));
  await page.getByTestId('score').click();
  await finished(page);
  return (await page.getByTestId('ppl-original').textContent()) ?? '';
}

async function expectKept(page: Page, original: string): Promise<void> {
  await expect(page.getByTestId('block-2')).not.toBeChecked();
  await expect(page.getByTestId('ppl-original')).toHaveText(original);
  await expect(page.getByTestId('measured-on')).toBeVisible();
  await expect(page.getByTestId('ppl-pruned')).toHaveAttribute('data-stale', 'false');
}

test('the engine dies: it is said, the next click goes on, plan and scores are kept', async ({
  app: page,
}) => {
  const original = await scoredFolder(page, fixture(NAME));
  const [worker] = page.workers();
  await worker?.evaluate(() => {
    setTimeout(() => {
      throw new Error('a simulated crash');
    });
  });
  await expect(
    page.getByText('The worker stopped unexpectedly. The engine was restarted.').first(),
  ).toBeVisible();
  // A plan that nobody measured yet needs the model and its windows in the new engine.
  await page.getByTestId('block-2').uncheck();
  await expectKept(page, original);
  await expect(page.getByTestId('error-plan')).toBeHidden();
});

test('the engine dies while it scores: one click scores again, the plan is kept', async ({
  app: page,
}) => {
  await openSample(page);
  await giveWindows(page, golden('sample').windows.slice(0, 5));
  await page.getByTestId('score').click();
  await expect(page.getByTestId('progress')).toContainText(/block \d+ of/);
  await page.getByTestId('block-2').uncheck();
  for (const worker of page.workers())
    await worker.evaluate(() => {
      setTimeout(() => {
        throw new Error('a simulated crash');
      });
    });
  await expect(page.getByTestId('error-score')).toContainText('The worker stopped unexpectedly.');
  await page.getByTestId('remedy-score').click();
  await finished(page);
  await expect(page.getByTestId('error-score')).toBeHidden();
  await expect(page.getByTestId('block-2')).not.toBeChecked();
});

for (const [what, spoil, mend] of [
  ['changed', (path: string) => rewrite(path), () => {}],
  [
    'removed',
    (path: string) => renameSync(path, `${path}.away`),
    (path: string) => renameSync(`${path}.away`, path),
  ],
] as const) {
  test(`a file is ${what} after opening: it is named, and one click or drop brings everything back`, async ({
    app: page,
  }) => {
    const { folder, remove } = copyOf(NAME);
    try {
      const original = await scoredFolder(page, folder);
      await page.getByTestId('block-2').uncheck();
      await expectKept(page, original);
      spoil(join(folder, DATA));
      await page.getByTestId('export').click();
      await page.getByTestId('target-zip').check();
      await page.getByTestId('export-start').click();
      await expect(page.getByTestId('error-export')).toContainText(
        `The file ${DATA} was changed, moved or removed`,
      );
      await expect(page.getByTestId('remedy-export')).toHaveText('Read the folder again');
      mend(join(folder, DATA));
      if (what === 'changed') await page.getByTestId('remedy-export').click();
      else {
        await page.keyboard.press('Escape');
        await drop(page, folder);
      }
      await expect(page.getByText('is open again, with its plan and curve').first()).toBeVisible();
      await expectKept(page, original);
      (await exportZip(page)).remove();
    } finally {
      remove();
    }
  });
}

test('a file is changed before it is read: one click reads the folder again, the plan is kept', async ({
  app: page,
}) => {
  const { folder, remove } = copyOf(NAME);
  // The picker that the page falls back to is one that tests can drive.
  await page.addInitScript(() => {
    for (const name of ['showDirectoryPicker', 'showOpenFilePicker'])
      Reflect.deleteProperty(window, name);
  });
  await page.reload();
  try {
    const opening = page.waitForEvent('filechooser');
    await page.getByTestId('open-folder').click();
    await (await opening).setFiles(folder);
    await expect(page.getByTestId('model-chip')).toContainText('5 blocks');
    await measureByHand(page);
    await giveWindows(page, golden(NAME).windows.slice(0, 1));
    await page.getByTestId('block-2').uncheck();
    rewrite(join(folder, DATA));
    await page.getByTestId('score').click();
    await expect(page.getByTestId('error-score')).toContainText(
      `The file ${DATA} was changed, moved or removed`,
    );
    const again = page.waitForEvent('filechooser');
    await page.getByTestId('remedy-score').click();
    await (await again).setFiles(folder);
    await expect(page.getByTestId('error-score')).toBeHidden();
    await expect(page.getByTestId('block-2')).not.toBeChecked();
    await page.getByTestId('score').click();
    await finished(page);
    await expectKept(page, (await page.getByTestId('ppl-original').textContent()) ?? '');
  } finally {
    remove();
  }
});
