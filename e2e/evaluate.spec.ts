// Evaluation on a text and plans for other tools in the built page, on the sample in a browser
// without WebGPU. Numbers are those of the command line, orders the PyTorch golden's.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import type { EvaluateResult } from '../src/contract/evaluate.ts';
import { readPplTable } from '../src/model/interop/tables.ts';
import { evaluationText, samplePath } from '../src/testing/fixtures.ts';
import { drop, expect, finished, golden, test, workspace } from './app.ts';

const sample = golden<{ ppl_order: number[]; loo_nll_per_sample: number[][] }>('sample');

let folder = '';
test.beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'espalier-'));
});
test.afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** What the command line gives for the same text, in this process's own runtime. */
function evaluated(textPath: string, ...words: string[]): EvaluateResult {
  const command = [
    'run',
    '-s',
    'espalier',
    '--',
    'eval',
    samplePath(),
    '--model',
    'onnx/model.onnx',
    '--text',
    textPath,
    ...words,
    '--json',
    '-',
  ];
  return JSON.parse(
    execFileSync('npm', command, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
  );
}

/** The number that an element shows, against one that it should be; four digits are shown. */
async function expectNumber(page: Page, testId: string, value: number): Promise<void> {
  const shown = Number.parseFloat(
    ((await page.getByTestId(testId).textContent()) ?? '').replace(/,/g, ''),
  );
  expect(Math.abs(shown / value - 1), `${testId} shows ${shown}, not ${value}`).toBeLessThan(2e-3);
}

async function expectNoObstacles(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(
    violations.filter((v) => v.impact === 'serious' || v.impact === 'critical').map((v) => v.id),
  ).toEqual([]);
}

/** The sample without a curve: its scoring is stopped. */
async function openSample(page: Page): Promise<void> {
  await page.getByTestId('open-sample').click();
  await page.getByTestId('cancel').click();
  await expect(page.getByTestId('cancel')).toBeHidden();
}

test('an evaluation of a plan gives the numbers of the command line; results stay to be compared', async ({
  app: page,
}) => {
  const own = file('novel.txt', evaluationText().slice(0, 12_000));
  const expected = evaluated(own, '--remove', '7,9', '--max-segments', '9');
  expect(expected.segments).toBe(9);
  await openSample(page);
  await page.getByTestId('block-7').uncheck();
  await page.getByTestId('block-9').uncheck();

  // A dropped text is asked what it is for.
  await drop(page, own);
  await expect(page.getByTestId('dropped-dialog')).toBeVisible();
  await expectNoObstacles(page);
  await page.getByTestId('dropped-evaluate').click();
  await workspace(page, 'quality');
  await expect(page.getByTestId('evaluate-own')).toBeChecked();
  await page.getByTestId('evaluate-most').fill('9');
  await page.getByTestId('evaluate').click();
  await expect(page.getByTestId('evaluate-result')).toHaveAttribute('data-state', 'whole');
  await expectNumber(page, 'evaluate-original', expected.original.ppl ?? 0);
  await expectNumber(page, 'evaluate-plan', expected.plan?.ppl ?? 0);
  await expectNumber(page, 'evaluate-top1', (expected.top1Agreement ?? 0) * 100);
  await expectNumber(page, 'evaluate-kl', expected.klDivergence ?? 0);
  await expect(page.getByTestId('evaluate-on')).toContainText(
    '9 segments × 128 tokens, no BOS, novel.txt',
  );

  // The same plan with a stride, and another plan: each a row; numbers of another plan say so.
  await page.getByTestId('protocol-long').check();
  await page.getByTestId('evaluate-segment').fill('256');
  await page.getByTestId('evaluate-stride').fill('64');
  await page.getByTestId('evaluate-bos').selectOption('every');
  await page.getByTestId('evaluate-most').fill('3');
  await page.getByTestId('evaluate').click();
  await expect(page.getByTestId('evaluate-on')).toContainText(
    '3 segments × 256 tokens, stride 64, BOS in each',
  );
  const long = evaluated(
    own,
    '--remove',
    '7,9',
    '--segment',
    '256',
    '--stride',
    '64',
    '--bos',
    'every',
    '--max-segments',
    '3',
  );
  await expectNumber(page, 'evaluate-plan', long.plan?.ppl ?? 0);
  await page.getByTestId('block-9').check();
  await expect(page.getByTestId('evaluate-stale')).toContainText('without 7 and 9');
  await page.getByTestId('evaluate-again').click();
  await expect(page.getByTestId('evaluate-stale')).toBeHidden();
  await expect(page.getByTestId('evaluate-table').locator('tbody tr')).toHaveCount(3);
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.setViewportSize({ width: 390, height: 844 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
  await expectNoObstacles(page);
});

test('a cancelled evaluation keeps what it had; a text that was scored on is named', async ({
  app: page,
}) => {
  await page.getByTestId('open-sample').click();
  await finished(page);
  await page.getByTestId('block-7').uncheck();
  await workspace(page, 'quality');
  await page.getByTestId('evaluate').click();
  await expect(page.getByTestId('evaluate-partial')).toContainText('So far');
  await page.getByTestId('evaluate-cancel').click();
  await expect(page.getByTestId('evaluate-result')).toHaveAttribute('data-state', 'stopped');
  await expect(page.getByTestId('evaluate-partial')).toContainText(/Stopped after [\d,]+ segments/);
  await expect(page.getByTestId('evaluate-original')).toHaveText(/^\d+\.\d+$/);

  const calibration = (await (await page.request.get('./text/calibration.txt')).text()).slice(
    0,
    20_000,
  );
  await page.getByTestId('evaluate-paste').check();
  await page.getByTestId('evaluate-pasted').fill(calibration);
  await page.getByTestId('evaluate-use-pasted').click();
  await page.getByTestId('evaluate-most').fill('2');
  await page.getByTestId('evaluate').click();
  await expect(page.getByTestId('evaluate-warning')).toContainText(
    'also occur in the calibration windows',
  );
});

test('a pasted text is counted, and stays through an error, another choice and another workspace', async ({
  app: page,
}) => {
  await openSample(page);
  await workspace(page, 'quality');
  await page.getByTestId('evaluate-paste').check();
  const field = page.getByTestId('evaluate-pasted');
  await field.fill('Hello world.');
  await expect(page.getByTestId('evaluate-count')).toContainText(
    /^\d tokens; one segment needs 128$/,
  );
  await page.getByTestId('evaluate').click();
  await expect(page.getByTestId('error-evaluate')).toContainText('too short');
  await expect(field).toHaveValue('Hello world.');
  await workspace(page, 'speed');
  await workspace(page, 'quality');
  await expect(field).toHaveValue('Hello world.');
  await page.getByTestId('evaluate-bundled').check();
  await expect(field).toBeHidden();
  await page.getByTestId('evaluate-paste').check();
  await expect(field).toHaveValue('Hello world.');
  // What is added is evaluated, without another click to use it.
  await field.fill(`Hello world. ${evaluationText().slice(0, 4000)}`);
  await expect(page.getByTestId('evaluate-count')).toContainText(/^[\d,]+ tokens$/);
  await page.getByTestId('evaluate-most').fill('1');
  await page.getByTestId('evaluate').click();
  await expect(page.getByTestId('evaluate-on')).toContainText('1 segment × 128 tokens');
  await expect(page.getByTestId('evaluate-on')).toContainText('pasted text “Hello world.');
  await expect(field).toHaveValue(/^Hello world\. /);
  await expectNoObstacles(page);
});

test('tables and plans for other tools: the golden order is written, read and used', async ({
  app: page,
}) => {
  await page.getByTestId('open-sample').click();
  await finished(page);
  await page.getByTestId('block-3').uncheck();
  await page.getByTestId('interop').click();
  const download = async (id: string) => {
    const saved = page.waitForEvent('download');
    await page.getByTestId(`interop-${id}-save`).click();
    return readFileSync(await (await saved).path(), 'utf8');
  };
  const order = await download('order');
  expect(order).toBe(`${sample.ppl_order.join(',')}\n`);
  const table = readPplTable(await download('table'), 16);
  expect(table.samples).toBe(10);
  for (const { block, ppl } of table.rows) {
    const windows = sample.loo_nll_per_sample[block] ?? [];
    const nll = windows.reduce((a, b) => a + b, 0) / windows.length;
    expect(Math.abs(Math.log(ppl ?? 0) - nll)).toBeLessThan(1e-3);
  }
  await expect(page.getByTestId('interop-espalier-text')).toHaveValue(/prune .* --remove 3 --out /);
  await expect(page.getByTestId('interop-llama-cpp-text')).toHaveValue(/--prune-layers 3 /);
  await page.getByTestId('interop-source').fill('org/model');
  await expect(page.getByTestId('interop-mergekit-text')).toHaveValue(/model: "org\/model"/);
  await page.getByTestId('interop-llama-cpp-copy').click();
  await expect(page.getByTestId('interop-llama-cpp')).toContainText('Copied.');
  await expectNoObstacles(page);
  await page.keyboard.press('Escape');

  await drop(page, file('block_order.csv', '5,11,3,2\n'));
  await page.getByTestId('file-order-k').fill('3');
  await page.getByTestId('file-order-drop').click();
  await expect(page.getByTestId('dialog-news')).not.toBeEmpty();
  await page.keyboard.press('Escape');
  for (const block of [5, 11, 3])
    await expect(page.getByTestId(`block-${block}`)).not.toBeChecked();
  await expect(page.getByTestId('kept-count')).toContainText('13 of 16');

  // These tools cannot remove a sublayer.
  await page.getByTestId('open-1').click();
  await page.getByTestId('part-1.attn').uncheck();
  await page.keyboard.press('u');
  await expect(page.getByTestId('interop-mergekit-why')).toContainText(
    'removes 1.attn, a sublayer',
  );
  await page.keyboard.press('Escape');
  await drop(page, file('wrong.csv', '1,2,99\n'));
  await expect(page.getByTestId('error-interop')).toContainText('There is no block 99');
});
