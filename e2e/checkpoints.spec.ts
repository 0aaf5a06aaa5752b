// Models without a graph in the built page: a checkpoint pruned and written as it came, with its
// kit, and as ONNX; the result beside its source; a GGUF file.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  drop,
  expect,
  exportZip,
  finished,
  fixture,
  measureByHand,
  test,
  text,
  workspace,
} from './app.ts';

test('a checkpoint goes out as it came in, or as ONNX, and comes back beside its source', async ({
  app: page,
}) => {
  await drop(page, fixture('hf-llama-bf16'));
  await expect(page.getByTestId('model-chip')).toContainText('5 blocks, 71.0 k parameters, bf16');
  await measureByHand(page);
  await expect(page.getByTestId('model-facts')).toContainText(
    'model.safetensors, bf16, Hugging Face checkpoint (safetensors)',
  );
  await expect(page.getByTestId('made-graph')).toContainText('computes in float32');
  await page.getByTestId('score-quick').click();
  await finished(page);
  await page.getByTestId('block-1').uncheck();
  await expect(page.getByTestId('ppl-pruned')).toHaveAttribute('data-stale', 'false');
  const ppl = await page.getByTestId('ppl-pruned').textContent();

  await page.getByTestId('export').click();
  await expect(page.getByTestId('format-source')).toBeChecked();
  await expect(page.getByTestId('dtype-fp16')).toBeHidden();
  await page.getByTestId('export-kit').check();
  await page.keyboard.press('Escape');
  const checkpoint = await exportZip(page);
  expect([...checkpoint.files.keys()].sort()).toEqual(
    expect.arrayContaining([
      'config.json',
      'continued-pretraining/README.md',
      'continued-pretraining/check.py',
      'espalier.json',
      'model.safetensors',
      'tokenizer.json',
    ]),
  );
  expect(JSON.parse(text(checkpoint.files.get('config.json'))).num_hidden_layers).toBe(4);
  await expect(page.getByTestId('next-use')).toContainText('AutoModelForCausalLM.from_pretrained');
  await expect(page.getByTestId('next-kit')).toBeVisible();

  await page.getByTestId('export-again').click();
  await page.getByTestId('format-onnx').check();
  await page.getByTestId('dtype-fp16').check();
  await expect(page.getByTestId('export-kit')).toBeHidden();
  await expect(page.getByTestId('export-name')).toHaveValue('hf-llama-bf16-4-of-5-onnx-fp16');
  await page.getByTestId('export-start').click();
  await expect(page.getByTestId('verdict')).toHaveText('✓ Verified');
  await expect(page.getByTestId('next-use')).toContainText('dtype: "fp16"');
  await page.keyboard.press('Escape');

  await drop(page, checkpoint.folder);
  await expect(page.getByTestId('made-from')).toContainText('hf-llama-bf16, model.safetensors');
  await workspace(page, 'variants');
  const rows = page.getByTestId('variant-row');
  await expect(rows).toHaveCount(3);
  await expect(rows.nth(1)).toContainText('another folder: the source');
  await expect(rows.nth(2)).toContainText('−1: 1, as exported');
  await page.getByTestId('variants').getByTestId('measure-lineage').click();
  // As exported, and as it is now: the same.
  await expect(rows.nth(0).locator('td').nth(2)).toHaveText(ppl ?? '');
  await expect(rows.nth(2).locator('td').nth(2)).toHaveText(ppl ?? '');
  checkpoint.remove();
});

test('a GGUF file alone', async ({ app: page }) => {
  const folder = fixture('gguf-llama-q8_0');
  const [file = ''] = readdirSync(folder).filter((name) => name.endsWith('.gguf'));
  await drop(page, join(folder, file));
  await expect(page.getByTestId('model-facts')).toContainText(`${file}, q8_0, GGUF for llama.cpp`);
  await expect(page.getByTestId('made-graph')).toContainText('matrices as they are stored (q8)');
  await page.getByTestId('block-2').uncheck();
  const { files, remove } = await exportZip(page);
  const name = [...files.keys()].find((path) => path.endsWith('.gguf'));
  expect(files.get(name ?? '')?.length).toBeLessThan(229_000);
  await expect(page.getByTestId('next-use')).toContainText('llama');
  remove();
});
