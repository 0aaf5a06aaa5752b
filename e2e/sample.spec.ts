// The main job on the sample, in a browser without WebGPU: score, choose, undo, export, restore.
// Numbers are the PyTorch goldens.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import AxeBuilder from '@axe-core/playwright';
import {
  drop,
  expect,
  exportZip,
  finished,
  giveWindows,
  golden,
  openSample,
  openScored,
  test,
  text,
} from './app.ts';

interface SampleGolden {
  baseline_ppl: number;
  loo_nll: number[];
  ppl_order: number[];
  oneshot: Record<string, number>;
  baseline_nll_per_sample: number[];
  windows: number[][];
}

const expected = golden<SampleGolden>('sample');

test('from one click to the curve, a plan, an export and back', async ({ app: page }) => {
  await page.getByTestId('open-sample').click();
  await expect(page.getByTestId('model-chip')).toContainText('16 blocks');
  await finished(page);
  await expect(page.getByTestId('ppl-original')).toHaveText(expected.baseline_ppl.toFixed(2));
  await expect(page.getByTestId('measured-on')).toContainText('10 windows × 128 tokens');

  // Drop the four lowest: the plan is the golden order, its perplexity the measured one.
  await page.getByTestId('drop-count').fill('4');
  for (const block of expected.ppl_order.slice(0, 4))
    await expect(page.getByTestId(`block-${block}`)).not.toBeChecked();
  await expect(page.getByTestId('kept-count')).toContainText('12 of 16');
  await expect(page.getByTestId('ppl-pruned')).toHaveAttribute('data-stale', 'false');
  await expect(page.getByTestId('ppl-pruned')).toHaveText((expected.oneshot['4'] ?? 0).toFixed(2));
  expect(new URL(page.url()).hash).toBe('#plan=2,7-9');
  await expect(page.getByTestId('kv-per-token-pruned')).toHaveText('6.1 kB');

  // Undo and redo of the plan, by keyboard.
  await page.getByTestId('block-0').focus();
  await page.keyboard.press('Control+z');
  await expect(page.getByTestId('kept-count')).toContainText('16 of 16');
  await page.keyboard.press('Control+Shift+z');
  await expect(page.getByTestId('kept-count')).toContainText('12 of 16');

  const exported = await exportZip(page);
  try {
    expect([...exported.files.keys()].sort()).toEqual([
      'README.md',
      'config.json',
      'espalier.json',
      'generation_config.json',
      'onnx/model.onnx',
      'onnx/model.onnx_data',
      'special_tokens_map.json',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    const config = JSON.parse(text(exported.files.get('config.json')));
    expect(config.num_hidden_layers).toBe(12);
    const record = JSON.parse(text(exported.files.get('espalier.json')));
    expect(record.removed).toEqual([2, 7, 8, 9]);
    expect(record.score.order).toEqual(expected.ppl_order);
    for (const [i, nll] of expected.loo_nll.entries())
      expect(Math.abs(record.score.blocks[i].nll - nll)).toBeLessThan(1e-4);
    expect(record.score.windows).toEqual(expected.windows);

    // The exported folder is a model of its own, and says what it was made from.
    await page.keyboard.press('Escape');
    await drop(page, exported.folder);
    await expect(page.getByTestId('model-chip')).toContainText('12 blocks');
    await expect(page.getByTestId('made-from')).toContainText('sample');

    // The json alone, dropped onto the source model, brings plan and curve back without scoring.
    await page.goto('about:blank');
    await page.goto('./');
    await page.getByTestId('kept-open').click();
    await page.getByTestId('erase-all').click();
    await page.getByTestId('erase-all-yes').click();
    await expect(page.getByTestId('kept-model')).toHaveCount(0);
    await page.keyboard.press('Escape');
    await page.getByTestId('open-sample').click();
    await page.getByTestId('cancel').click();
    await expect(page.getByTestId('cancel')).toBeHidden();
    const json = join(exported.folder, 'espalier.json');
    writeFileSync(json, exported.files.get('espalier.json') ?? '');
    await drop(page, json);
    await expect(page.getByTestId('kept-count')).toContainText('12 of 16');
    await expect(page.getByTestId('ppl-original')).toHaveText(expected.baseline_ppl.toFixed(2));
    await expect(page.getByTestId('ppl-pruned')).toHaveText(
      (expected.oneshot['4'] ?? 0).toFixed(2),
    );
  } finally {
    exported.remove();
  }
});

test('cancel stops a run before its end and leaves a page that works', async ({ app: page }) => {
  await page.getByTestId('open-sample').click();
  await expect(page.getByTestId('progress')).toContainText(/block/);
  await page.getByTestId('cancel').click();
  await expect(page.getByTestId('cancel')).toBeHidden();
  // There is no curve: the run had not come to its end.
  await expect(page.getByTestId('score')).toBeVisible();
  await expect(page.getByTestId('measured-on')).toBeHidden();
  await page.getByTestId('block-3').uncheck();
  await expect(page.getByTestId('kept-count')).toContainText('15 of 16');
  await giveWindows(page, expected.windows.slice(0, 1));
  await page.getByTestId('score').click();
  await finished(page);
  const original = Math.exp(expected.baseline_nll_per_sample[0] ?? 0);
  await expect(page.getByTestId('ppl-original')).toHaveText(original.toFixed(2));
  await expect(page.getByTestId('block-3')).not.toBeChecked();
});

test('a budget below the model: streamed, said so, and the same numbers', async ({ app: page }) => {
  await openSample(page);
  await page.getByTestId('settings').first().click();
  const dialog = page.getByTestId('settings-dialog');
  const budget = dialog.getByTestId('memory-budget');
  await expect(budget).toHaveAttribute('placeholder', /automatic: \d{4}/);
  await budget.fill('1');
  await expect(dialog).toContainText('but the budget is');
  await budget.fill('8');
  await expect(dialog).toContainText(
    'does not fit into 8.0 MB, so weights are read from the files',
  );
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(
    violations.filter((v) => v.impact === 'serious' || v.impact === 'critical').map((v) => v.id),
  ).toEqual([]);
  await dialog.getByTestId('samples').fill('2');
  await dialog.getByTestId('score-with-settings').click();
  await finished(page);
  const streamed = await page.getByTestId('ppl-original').textContent();
  await page.getByTestId('settings').first().click();
  await budget.fill('');
  await dialog.getByTestId('score-with-settings').click();
  await finished(page);
  await expect(page.getByTestId('ppl-original')).toHaveText(streamed ?? '');
});

test('export into a folder that was picked, verified by re-reading it', async ({ app: page }) => {
  // The origin's private file system stands in for the system's folder picker; handles and writing
  // are the real ones.
  await page.evaluate(() => {
    Object.assign(window, { showDirectoryPicker: () => navigator.storage.getDirectory() });
  });
  await page.getByTestId('open-sample').click();
  await page.getByTestId('cancel').click();
  await expect(page.getByTestId('cancel')).toBeHidden();
  await page.getByTestId('block-9').uncheck();
  await page.getByTestId('export').click();
  await page.getByTestId('target-folder').check();
  await page.getByTestId('export-name').fill('pruned');
  await page.getByTestId('export-start').click();
  await expect(page.getByTestId('verdict')).toHaveText(/Verified/);
  await expect(page.getByTestId('verify-checks')).toContainText('all equal to the source');
  const written = await page.evaluate(async () => {
    const root = await (await navigator.storage.getDirectory()).getDirectoryHandle('pruned');
    const onnx = await root.getDirectoryHandle('onnx');
    const file = await (await onnx.getFileHandle('model.onnx_data')).getFile();
    const config = await (await root.getFileHandle('config.json')).getFile();
    return { bytes: file.size, layers: JSON.parse(await config.text()).num_hidden_layers };
  });
  expect(written.layers).toBe(15);
  expect(written.bytes).toBeGreaterThan(11e6);
});

test('a zip streamed into a file that was picked', async ({ app: page }) => {
  await page.evaluate(() => {
    const pick = async () =>
      (await navigator.storage.getDirectory()).getFileHandle('pruned.zip', { create: true });
    Object.assign(window, { showSaveFilePicker: pick });
  });
  await page.getByTestId('open-sample').click();
  await page.getByTestId('cancel').click();
  await expect(page.getByTestId('cancel')).toBeHidden();
  await page.getByTestId('block-7').uncheck();
  await page.getByTestId('export').click();
  await page.getByTestId('target-zip').check();
  await page.getByTestId('export-start').click();
  await expect(page.getByTestId('verdict')).toHaveText(/Verified/);
  await expect(page.getByTestId('save-zip')).toBeHidden();
  const bytes = await page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    return (await (await root.getFileHandle('pruned.zip')).getFile()).size;
  });
  expect(bytes).toBeGreaterThan(11e6);
});

test('nothing serious for axe, in light and in dark', async ({ app: page }) => {
  const check = async (): Promise<void> => {
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(
      violations
        .filter((v) => v.impact === 'serious' || v.impact === 'critical')
        .map((v) => [v.id, v.nodes[0]?.html]),
    ).toEqual([]);
  };
  await check();
  await openScored(page);
  await page.getByTestId('drop-count').fill('2');
  await check();
  await page.emulateMedia({ colorScheme: 'dark' });
  await check();
  await page.getByTestId('settings').click();
  await check();
  await page.keyboard.press('Escape');
  await page.setViewportSize({ width: 390, height: 844 });
  await check();
});
