// Real exporter folders and obstacles, by drop and by picker, in a browser without WebGPU.

import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { caseExpect, casePath } from '../src/testing/fixtures.ts';
import { drop, expect, finished, fixture, giveWindows, golden, test } from './app.ts';

interface Golden {
  windows: number[][];
  baseline: { nll: number };
}

test('a genai folder by drop: blocks, sizes and the golden perplexity', async ({ app: page }) => {
  const name = 'genai-llama-fp32-webgpu';
  await drop(page, fixture(name));
  await expect(page.getByTestId('model-chip')).toContainText('5 blocks');
  const { windows, baseline } = golden<Golden>(name);
  await giveWindows(page, windows);
  await page.getByTestId('score').click();
  await finished(page);
  const shown = Number(
    ((await page.getByTestId('ppl-original').textContent()) ?? '').replace(/,/g, ''),
  );
  expect(Math.abs(shown / Math.exp(baseline.nll) - 1)).toBeLessThan(5e-3);
});

test('an optimum folder by picker', async ({ app: page }) => {
  // Without the modern picker the page falls back to <input webkitdirectory>, which tests can
  // drive.
  await page.addInitScript(() => {
    for (const name of ['showDirectoryPicker', 'showOpenFilePicker'])
      Reflect.deleteProperty(window, name);
  });
  await page.reload();
  const chooser = page.waitForEvent('filechooser');
  await page.getByTestId('open-folder').click();
  await (await chooser).setFiles(fixture('optimum-gemma3-fp32'));
  await expect(page.getByTestId('model-chip')).toContainText('6 blocks');
  await expect(page.getByTestId('model-facts')).toContainText('gemma3');
});

test('several graphs: a chooser with dtype and size', async ({ app: page }) => {
  await drop(page, 'public/sample');
  await expect(page.getByTestId('chooser')).toContainText('q4');
  await page.getByTestId('graph-onnx/model_q4.onnx').click();
  await expect(page.getByTestId('model-chip')).toContainText('16 blocks');
});

test('a zip from macOS: its litter is passed over', async ({ app: page }) => {
  const { right } = caseExpect<{ right: { windows: number[][]; nll_intact: number } }>(
    'zip-from-macos',
  );
  await drop(page, casePath('zip-from-macos/tiny-llm.zip'));
  await expect(page.getByTestId('model-chip')).toContainText('tiny-llm');
  await expect(page.getByTestId('model-facts')).toContainText('width 16');
  await giveWindows(page, right.windows);
  await page.getByTestId('score').click();
  await finished(page);
  const shown = Number(
    ((await page.getByTestId('ppl-original').textContent()) ?? '').replace(/,/g, ''),
  );
  expect(Math.abs(shown / Math.exp(right.nll_intact) - 1)).toBeLessThan(1e-3);
});

test('a folder of several models: the model first, then its graph', async ({ app: page }) => {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-'));
  try {
    cpSync('public/sample', join(folder, 'austen'), { recursive: true });
    cpSync(fixture('genai-llama-fp32-webgpu'), join(folder, 'llama'), { recursive: true });
    cpSync(fixture('split-smolvlm-q4'), join(folder, 'smol'), { recursive: true });
    writeFileSync(join(folder, '.DS_Store'), 'x');
    await drop(page, folder);
    await expect(page.getByTestId('chooser')).toContainText('Which model of');
    await expect(page.getByTestId('model-smol/')).toContainText('3 graphs');
    await page.getByTestId('model-austen/').click();
    await expect(page.getByTestId('chooser')).toContainText('Which graph of austen?');
    await page.getByTestId('other-models').click();
    await page.getByTestId('model-llama/').click();
    await expect(page.getByTestId('model-chip')).toContainText('5 blocks');
    await expect(page.getByTestId('model-chip')).toContainText('llama');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a drop that yields no file is answered, links among them', async ({ app: page }) => {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-'));
  try {
    const snapshot = join(folder, 'models--t--tiny', 'snapshots', '0123abcd');
    const model = casePath('no-config/model');
    mkdirSync(snapshot, { recursive: true });
    for (const name of readdirSync(model)) symlinkSync(join(model, name), join(snapshot, name));
    await drop(page, snapshot);
    await expect(page.getByTestId('error-open')).toContainText(
      'There is nothing in the folder 0123abcd that can be read here.',
    );
    await expect(page.getByTestId('error-open')).toContainText('--local-dir');
    mkdirSync(join(folder, 'empty'));
    await drop(page, join(folder, 'empty'));
    await expect(page.getByTestId('error-open')).toContainText('nothing in the folder empty');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

const REFUSED: [folder: string, words: RegExp][] = [['neg-value-residual', /2 values cross/]];

for (const [folder, words] of REFUSED) {
  test(`${folder} is refused with its obstacle, and the open model stays`, async ({
    app: page,
  }) => {
    await drop(page, fixture('optimum-llama-nokv'));
    await expect(page.getByTestId('model-chip')).toContainText('5 blocks');
    await page.getByTestId('block-2').uncheck();
    await drop(page, fixture(folder));
    await expect(page.getByTestId('error-open')).toContainText(words);
    await expect(page.getByTestId('model-chip')).toContainText('5 blocks');
    await expect(page.getByTestId('block-2')).not.toBeChecked();
  });
}

test('damaged folders: each a clear sentence', async ({ app: page }) => {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-'));
  const fresh = (): string => {
    rmSync(folder, { recursive: true, force: true });
    cpSync(fixture('genai-llama-fp32-webgpu'), folder, { recursive: true });
    return folder;
  };
  try {
    rmSync(join(fresh(), 'model.onnx.data'));
    await drop(page, folder);
    await expect(page.getByTestId('error-open')).toContainText('model.onnx.data');

    truncateSync(join(fresh(), 'model.onnx.data'), 1000);
    await drop(page, folder);
    await expect(page.getByTestId('error-open')).toContainText(/1,?000/);

    truncateSync(join(fresh(), 'model.onnx'), 20_000);
    await drop(page, folder);
    await expect(page.getByTestId('error-open')).toContainText(/model\.onnx/);

    writeFileSync(join(fresh(), 'model.onnx'), 'This is a text, not a graph. '.repeat(40));
    await drop(page, folder);
    await expect(page.getByTestId('error-open')).toContainText(/ONNX/);

    fresh();
    for (const name of ['model.onnx', 'model.onnx.data']) rmSync(join(folder, name));
    await drop(page, folder);
    await expect(page.getByTestId('error-open')).toContainText(/no ONNX, safetensors or GGUF file/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('locks: more removals than unlocked blocks are refused, the plan stays', async ({
  app: page,
}) => {
  await drop(page, fixture('optimum-llama-nokv'));
  const { windows } = golden<Golden>('optimum-llama-nokv');
  await giveWindows(page, windows.slice(0, 1));
  await page.getByTestId('score').click();
  await finished(page);
  for (const block of [0, 1, 2]) await page.getByTestId(`lock-${block}`).click();
  await page.getByTestId('drop-count').fill('4');
  await expect(page.getByTestId('refusal')).toContainText(/unlocked/);
});

test('a text too short for one window is refused with the numbers', async ({ app: page }) => {
  await drop(page, fixture('optimum-llama-nokv'));
  await page.getByTestId('settings').first().click();
  await page.getByTestId('text-paste').check();
  await page.getByTestId('pasted-text').fill('too short');
  await page.getByTestId('use-pasted').click();
  await page.keyboard.press('Escape');
  await page.getByTestId('score').click();
  await expect(page.getByTestId('error-score')).toContainText(/too short.*128/);
});
