// Wrong inputs and errors: each is answered where people look, with what to do; and help, advice
// and next steps where they are needed.

import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { downloadZip } from 'client-zip';
import { drop, expect, finished, fixture, openSample, test } from './app.ts';

/** A folder for the files of one test. */
const inputs = test.extend<{ dir: string }>({
  // biome-ignore lint/correctness/noEmptyPattern: fixtures are asked for by destructuring
  dir: async ({}, use) => {
    const dir = mkdtempSync(join(tmpdir(), 'espalier-'));
    await use(dir);
    rmSync(dir, { recursive: true, force: true });
  },
});

const write = (dir: string, name: string, text: string): string => {
  writeFileSync(join(dir, name), text);
  return join(dir, name);
};

async function writeZip(dir: string, name: string, files: Record<string, string>): Promise<string> {
  const entries = Object.entries(files).map(([path, input]) => ({ name: path, input }));
  const bytes = await downloadZip(entries).arrayBuffer();
  writeFileSync(join(dir, name), new Uint8Array(bytes));
  return join(dir, name);
}

const toast = (page: Page, text: string | RegExp) =>
  page.locator('[data-sonner-toast]').filter({ hasText: text });

async function expectAccessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([]);
}

inputs('what is no model is answered in place and as a message', async ({ app: page, dir }) => {
  const error = page.getByTestId('error-open');
  mkdirSync(join(dir, 'nothing'));
  await drop(page, join(dir, 'nothing'));
  await expect(error).toContainText(
    'There is nothing in the folder nothing that can be read here.',
  );
  await expect(toast(page, 'There is nothing in the folder')).toBeInViewport();

  await drop(page, write(dir, 'pytorch_model.bin', 'PK'));
  await expect(error).toContainText('pytorch_model.bin holds weights in the format of PyTorch');
  await expect(error).toContainText('Open the safetensors version of the checkpoint');

  await drop(page, await writeZip(dir, 'papers.zip', { 'a.txt': 'a', 'b.txt': 'b' }));
  await expect(error).toContainText(
    'There is no model in the zip papers.zip: no ONNX, safetensors or GGUF file.',
  );
  await drop(page, await writeZip(dir, 'outer.zip', { 'inner.zip': 'PK', 'note.txt': 'x' }));
  await expect(error).toContainText('in the zip outer.zip that can be opened: inner.zip is a zip');
  await expect(error).toContainText('Unpack it');

  cpSync(join(fixture('genai-llama-fp32-webgpu'), 'model.onnx'), join(dir, 'lone.onnx'));
  await drop(page, join(dir, 'lone.onnx'));
  await expect(error).toContainText(
    /The file lone\.onnx keeps its weights .* in model\.onnx\.data/,
  );
  await expect(error).toContainText('Open the whole folder that holds both files.');

  await drop(page, write(dir, 'empty.onnx', ''));
  await expect(error).toContainText('empty.onnx is not an ONNX file: it is empty');

  await drop(page, write(dir, 'windows.json', '[[1, 2],\n oops]'));
  await expect(error).toContainText('windows.json is not valid JSON: the first fault is at line 2');
  await expect(error).not.toContainText('Unexpected token');
  await expectAccessible(page);
});

inputs('a text before a model is kept and offered', async ({ app: page, dir }) => {
  await drop(page, write(dir, 'notes.txt', 'It was a fine morning. '.repeat(40)));
  await expect(page.getByTestId('kept-text')).toContainText('notes.txt is kept');
  await drop(page, 'public/sample');
  await expect(page.getByTestId('chooser')).toContainText(
    'The export can prune the other precisions as well.',
  );
  await expect(page.getByTestId('graph-onnx/model_q4.onnx')).toBeFocused();
  await expectAccessible(page);
  await page.getByTestId('graph-onnx/model.onnx').click();
  await expect(page.getByTestId('dropped-dialog')).toContainText('What is notes.txt for?');
  await page.getByTestId('dropped-score').click();
  await expect(toast(page, 'Scoring will use notes.txt.')).toBeVisible();
});

inputs('an error that is out of sight leads to its place', async ({ app: page, dir }) => {
  await openSample(page);
  const scrollAway = () => page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
  await scrollAway();
  await drop(page, write(dir, 'paper.pdf', '%PDF'));
  const opening = toast(page, 'paper.pdf is no model');
  await expect(opening).toBeInViewport();
  await opening.getByRole('button', { name: 'Show' }).click();
  await expect(page.getByTestId('error-open')).toBeInViewport();
  await expect(page.getByTestId('error-open')).toBeFocused();
  // What is dismissed in its place is gone from the message, too.
  await scrollAway();
  await expect(page.getByTestId('error-open')).not.toBeInViewport();
  await drop(page, join(dir, 'paper.pdf'));
  await expect(opening).toBeVisible();
  await page.getByTestId('error-open').getByRole('button', { name: 'Dismiss' }).click();
  await expect(opening).toBeHidden();
  // In a workspace that is not open.
  await page.getByTestId('tab-speed').click();
  await drop(page, write(dir, 'blank.txt', '   '));
  const scoring = toast(page, 'blank.txt is empty');
  await scoring.getByRole('button', { name: 'Show' }).click();
  await expect(page.getByTestId('workspace-choose')).toBeVisible();
  await expect(page.getByTestId('error-score')).toBeInViewport();
});

inputs('one block stays; keys do not repeat finished work', async ({ app: page }) => {
  await page.getByTestId('open-sample').click();
  await finished(page);
  await page.evaluate(() => {
    location.hash = '#plan=0-15';
  });
  await expect(toast(page, 'At least one block must stay')).toBeVisible();
  await expect(page.getByTestId('block-0')).toBeChecked();

  await page.locator('body').press('s');
  const again = toast(page, 'The blocks are scored.');
  await expect(again.getByRole('button', { name: 'Score again' })).toBeVisible();
  await expect(page.getByTestId('measured-on')).toBeVisible();

  await page.getByTestId('block-3').uncheck();
  await page.locator('body').press('k');
  await expect(page.getByTestId('block-3')).toBeChecked();
  await toast(page, 'All 16 blocks are kept.').getByRole('button', { name: 'Undo' }).click();
  await expect(page.getByTestId('block-3')).not.toBeChecked();
  await expect(page.getByTestId('announcer')).toContainText(/Undone: 15 of 16 kept|Perplexity/);
});

inputs('an export names its steps, and says what comes next', async ({ app: page }) => {
  await openSample(page);
  await page.getByTestId('block-3').uncheck();
  await page.getByTestId('export').click();
  await expect(page.getByTestId('export-before')).toContainText(
    /Writes about 11\.\d MB .* in .* s/,
  );
  await page.getByTestId('target-zip').check();
  await page.getByTestId('export-start').click();
  await expect(page.getByTestId('export-steps')).toContainText('Compare every tensor');
  await expect(page.getByTestId('verdict')).toHaveText('✓ Verified');
  await expect(page.getByTestId('next-use')).toContainText("from_pretrained('sample-15-of-16'");
  await expect(page.getByTestId('next-use')).toContainText('dtype: "fp32"');
  await expect(page.getByTestId('next-hub')).toContainText('hf upload YOUR-NAME/sample-15-of-16');
  await expectAccessible(page);
});

inputs('help explains the terms and names paper, version and licence', async ({ app: page }) => {
  await expect(page.getByTestId('paper')).toHaveAttribute('href', /arxiv\.org\/abs\/2402\.02834/);
  await page.getByTestId('first-help').click();
  const help = page.getByTestId('help-dialog');
  await expect(help.getByText('What this page does')).toBeInViewport();
  await expect(page.getByTestId('help-terms')).toContainText('Perplexity (PPL)');
  await expect(page.getByTestId('about')).toContainText(/Espalier \d+\.\d+\.\d+.*MIT/);
  await expect(page.getByTestId('about')).toContainText('Bo-Kyeong Kim');
  await expect(help.locator('a')).toHaveAttribute('rel', 'noopener');
  await expectAccessible(page);
});
