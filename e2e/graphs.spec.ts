// Models of several graphs in the browser: opened as one, scored, pruned, exported whole.

import type { Page } from '@playwright/test';
import {
  drop,
  expect,
  exportZip,
  finished,
  fixture,
  giveWindows,
  golden,
  openSample,
  test,
  text,
} from './app.ts';

interface Golden {
  windows: number[][];
  baseline: { nll: number };
  pruned: { removed: number[]; nll: number }[];
}

const shownPerplexity = async (page: Page, id: string): Promise<number> =>
  Number(((await page.getByTestId(id).textContent()) ?? '').replace(/,/g, ''));

/** Scores on the golden windows, takes blocks 1 and 3 out and holds both perplexities to them. */
async function scoreAndPrune(page: Page, name: string): Promise<void> {
  const { windows, baseline, pruned } = golden<Golden>(name);
  await giveWindows(page, windows);
  await page.getByTestId('score').click();
  await finished(page);
  const isNear = (id: string, nll: number): Promise<void> =>
    expect
      .poll(async () => Math.abs((await shownPerplexity(page, id)) / Math.exp(nll) - 1), {
        timeout: 20_000,
      })
      .toBeLessThan(5e-3);
  await isNear('ppl-original', baseline.nll);
  await page.getByTestId('block-1').uncheck();
  await page.getByTestId('block-3').uncheck();
  const without = pruned.find(({ removed }) => removed.join() === '1,3');
  await isNear('ppl-pruned', without?.nll ?? 0);
}

test('decoder, embedding and vision in graphs of their own', async ({ app: page }) => {
  const name = 'split-smolvlm-q4';
  await drop(page, fixture(name));
  await expect(page.getByTestId('model-chip')).toContainText('5 blocks');
  await expect(page.getByTestId('model-facts')).toContainText(
    'onnx/embed_tokens_q4.onnx (embedding',
  );
  await scoreAndPrune(page, name);
  const { files, remove } = await exportZip(page);
  for (const path of [
    'onnx/decoder_model_merged_q4.onnx',
    'onnx/embed_tokens_q4.onnx',
    'onnx/vision_encoder.onnx',
    'preprocessor_config.json',
  ])
    expect(files.has(path), path).toBe(true);
  expect(JSON.parse(text(files.get('config.json'))).text_config.num_hidden_layers).toBe(3);
  expect(text(files.get('README.md'))).toContain('`onnx/vision_encoder.onnx`');
  remove();
});

test('both branches of a merged decoder', async ({ app: page }) => {
  const name = 'merged-opt-fp32';
  await drop(page, fixture(name));
  await expect(page.getByTestId('model-chip')).toContainText('5 blocks');
  await scoreAndPrune(page, name);
  const { files, remove } = await exportZip(page);
  expect(files.has('onnx/decoder_model_merged.onnx')).toBe(true);
  remove();
});

test('every precision of the folder by one plan', async ({ app: page }) => {
  await openSample(page);
  await page.getByTestId('block-7').uncheck();
  await page.getByTestId('export').click();
  await expect(page.getByTestId('export-before')).toContainText(/Writes about 11\.\d MB/);
  await page.getByTestId('all-graphs').check();
  await expect(page.getByTestId('export-before')).toContainText(/Writes about 13\.\d MB/);
  await page.getByTestId('target-zip').check();
  await page.getByTestId('export-start').click();
  await expect(page.getByTestId('verdict')).toHaveText(/Verified/, { timeout: 60_000 });
  await expect(page.getByTestId('verify-checks')).toContainText('onnx/model.onnx');
  await expect(page.getByTestId('verify-checks')).toContainText('onnx/model_q4.onnx');
});
