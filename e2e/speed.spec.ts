// Speed and generation in the built page, without WebGPU: auto-measure, cancel, side by side
// against the goldens, variants and their files, faults.

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import {
  drop,
  expect,
  finished,
  fixture,
  golden,
  measureByHand,
  openSample,
  openScored,
  test,
  workspace,
} from './app.ts';

interface Generation {
  removed: number[];
  removedUnits: string[];
  text: string;
  greedy_ids: number[];
  greedyMargins: number[];
}

const sample = golden<{ prompt_ids: number[]; generation: Generation[] }>('sample');
/** Logits of two devices may differ by this much. */
const SURE = 1e-3;

async function setPlan(page: Page, removed: readonly number[]): Promise<void> {
  for (const block of removed) await page.getByTestId(`block-${block}`).uncheck();
}

/** Waits until a generation has ended. */
async function generated(page: Page): Promise<void> {
  await page.getByTestId('generate').click();
  await expect(page.getByTestId('gen-original')).not.toBeEmpty();
  await expect(page.getByTestId('generate')).toBeVisible();
}

/** Text that is certain: up to the first token whose choice hangs on less than `SURE`. */
function certain(text: string, { greedy_ids, greedyMargins }: Generation): string {
  const unsure = greedyMargins.findIndex((margin) => margin < SURE);
  return unsure < 0
    ? text
    : text.slice(0, Math.floor((text.length * unsure) / greedy_ids.length) - 8);
}

test('a settled plan is measured by itself, on what export writes', async ({ app: page }) => {
  // As it is opened: nobody has chosen that plans are measured by themselves.
  await drop(page, 'public/sample');
  await page.getByTestId('graph-onnx/model.onnx').click();
  await page.getByTestId('score-quick').click();
  await finished(page);
  await page.getByTestId('drop-count').fill('8');
  await workspace(page, 'speed');
  await expect(page.getByTestId('toks-pruned')).toHaveAttribute('data-kind', 'measured');
  await expect(page.getByTestId('toks-original')).toContainText(/\d/);
  await expect(page.getByTestId('speed-protocol')).toContainText(
    'quick: 2 + 5 runs, 12 → 32 tokens, batch 1',
  );
  await expect(page.getByTestId('speed-protocol')).toContainText('CPU (wasm');
  await expect(page.getByTestId('device-bytes-pruned')).toContainText(/MB/);

  // Another plan: the numbers are marked at once, a prediction stands in until it is measured.
  await page.getByTestId('drop-count').fill('4');
  await expect(page.getByTestId('toks-pruned')).toHaveAttribute('data-kind', /predicted|stale/);
  await expect(page.getByTestId('toks-pruned')).toHaveAttribute('data-kind', 'measured');
  await workspace(page, 'variants');
  await expect(page.getByTestId('variant-row')).toHaveCount(3);
  await expect(page.getByTestId('pareto-chart')).toBeVisible();

  // Off, nothing is measured by itself; going back finds the old numbers.
  await measureByHand(page);
  await page.getByTestId('drop-count').fill('8');
  await expect(page.getByTestId('toks-pruned')).toHaveAttribute('data-kind', 'measured');
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')).toEqual(
    [],
  );
});

test('cancel ends the paper protocol at once, and the page goes on', async ({ app: page }) => {
  await openSample(page);
  await page.getByTestId('block-7').uncheck();
  await workspace(page, 'speed');
  await page.getByTestId('speed-measure-paper').click();
  await expect(page.getByTestId('speed-cancel')).toBeVisible();
  await expect.poll(() => page.workers().length).toBe(3);
  await page.keyboard.press('Shift+Escape');
  await expect(page.getByTestId('speed-measure')).toBeEnabled();
  await expect.poll(() => page.workers().length).toBe(1);
  await page.getByTestId('speed-measure').click();
  await expect(page.getByTestId('toks-pruned')).toHaveAttribute('data-kind', 'measured');
  await expect.poll(() => page.workers().length).toBe(1);
});

test("side by side: the texts of the model and of two plans are PyTorch's", async ({
  app: page,
}) => {
  await openSample(page);
  await workspace(page, 'quality');
  await page.getByTestId('mode-ids').check();
  await page.getByTestId('prompt').fill(sample.prompt_ids.join(', '));
  await page.getByTestId('generate-panel').locator('summary').click();
  await page.getByTestId('gen-tokens').fill('24');
  await page.getByTestId('gen-eos').uncheck();
  for (const [more, removed] of [
    [
      [7, 9],
      [7, 9],
    ],
    [
      [2, 8],
      [2, 7, 8, 9],
    ],
  ] as const) {
    await setPlan(page, more);
    await page.getByTestId('generate').click();
    await expect(page.getByTestId('stop')).toBeVisible();
    await expect(page.getByTestId('generate')).toBeVisible();
    for (const which of ['original', 'pruned'] as const) {
      const expected = sample.generation.find(
        (g) =>
          g.removedUnits.length === 0 &&
          g.removed.join() === (which === 'original' ? '' : removed.join()),
      );
      if (!expected) throw new Error('no golden');
      const shown = (await page.getByTestId(`gen-${which}`).textContent()) ?? '';
      const text = certain(expected.text, expected);
      expect(text.length).toBeGreaterThan(40);
      expect(shown.trimStart().slice(0, text.trimStart().length)).toBe(text.trimStart());
      await expect(page.getByTestId(`gen-toks-${which}`)).toContainText('tok/s');
      await expect(page.getByTestId(`gen-ttft-${which}`)).toContainText('ms');
    }
    await expect(page.getByTestId('diverge')).toHaveCount(2);
  }
});

test('a generation is stopped where it was started, by keyboard too', async ({ app: page }) => {
  await openSample(page);
  await workspace(page, 'quality');
  await page.getByTestId('generate-panel').locator('summary').click();
  await page.getByTestId('gen-tokens').fill('400');
  await page.getByTestId('prompt').focus();
  await page.keyboard.press('Control+Enter');
  await expect(page.getByTestId('gen-original')).not.toBeEmpty();
  await page.keyboard.press('Tab');
  await page.getByTestId('stop').click();
  await expect(page.getByTestId('generate')).toBeVisible();
  await expect(page.getByTestId('gen-original')).not.toBeEmpty();
  await expect.poll(() => page.workers().length).toBe(1);
  // More than the context holds: a sentence with both numbers.
  await page.getByTestId('gen-tokens').fill('4000');
  await page.getByTestId('generate').click();
  await expect(page.getByTestId('error-generate')).toContainText(/4,?00\d.*512/);
});

test('variants: names, a pair, and the table as files', async ({ app: page }) => {
  await openScored(page);
  await page.getByTestId('block-7').uncheck();
  await expect(page.getByTestId('ppl-pruned')).toHaveAttribute('data-stale', 'false');
  await workspace(page, 'speed');
  await page.getByTestId('speed-measure').click();
  await expect(page.getByTestId('toks-pruned')).toHaveAttribute('data-kind', 'measured');
  await workspace(page, 'variants');
  await page.getByTestId('variant-name').fill('without "seven"');
  await page.getByTestId('variant-keep').click();
  await page.getByTestId('pin-original').check();
  await page.getByTestId('pin-7').check();
  await expect(page.getByTestId('compare')).toContainText('without "seven"');
  const saved = async (id: string): Promise<string> => {
    const download = page.waitForEvent('download');
    await page.getByTestId(id).click();
    return readFileSync(await (await download).path(), 'utf8');
  };
  const csv = await saved('variants-csv');
  expect(csv.split('\r\n')[2]).toContain('"without ""seven""",7,15,');
  const json = JSON.parse(await saved('variants-json'));
  expect(json.variants.map((variant: { removed: number[] }) => variant.removed)).toEqual([[], [7]]);
  expect(json.variants[1].speed.runs).toHaveLength(5);
  expect(json.perplexity.windows).toHaveLength(2);
});

test('chat through the template of the model, with its default system text', async ({
  app: page,
}) => {
  await drop(page, fixture('optimum-llama-chat'));
  await expect(page.getByTestId('model-chip')).toContainText('5 blocks');
  await workspace(page, 'quality');
  await page.getByTestId('mode-chat').check();
  await page.getByTestId('prompt').fill('Who is Anne?');
  await page.getByTestId('generate-panel').locator('details summary').click();
  await page.getByTestId('gen-tokens').fill('4');
  await page.getByTestId('gen-eos').uncheck();
  await generated(page);
  await expect(page.getByTestId('gen-toks-original')).toContainText('tok/s');
});

test('missing and broken text files, a graph without caches: what still works, and why not more', async ({
  app: page,
}) => {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-'));
  try {
    cpSync(fixture('optimum-llama-chat'), folder, { recursive: true });
    const path = join(folder, 'tokenizer_config.json');
    const config = JSON.parse(readFileSync(path, 'utf8'));
    writeFileSync(
      path,
      JSON.stringify({ ...config, chat_template: "{{ raise_exception('no talking here') }}" }),
    );
    await drop(page, folder);
    await expect(page.getByTestId('model-chip')).toContainText('5 blocks');
    await workspace(page, 'quality');
    await page.getByTestId('mode-chat').check();
    await page.getByTestId('generate').click();
    await expect(page.getByTestId('error-generate')).toContainText('no talking here');

    rmSync(join(folder, 'tokenizer.json'));
    await drop(page, folder);
    await workspace(page, 'quality');
    await expect(page.getByTestId('generate-panel')).toContainText('no tokenizer');
    await page.getByTestId('prompt').fill('5, 6, 7');
    await generated(page);
    await expect(page.getByTestId('gen-original')).toContainText(/^\d+( \d+)+/);
    await page.getByTestId('prompt').fill('5, 999999');
    await page.getByTestId('generate').click();
    await expect(page.getByTestId('error-generate')).toContainText('999999');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  await drop(page, fixture('optimum-llama-nokv'));
  await expect(page.getByTestId('model-chip')).toContainText('optimum-llama-nokv');
  await workspace(page, 'speed');
  await expect(page.getByTestId('speed-measure')).toBeEnabled();
  await page.getByTestId('speed-measure').click();
  await expect(page.getByTestId('speed-protocol')).toContainText(
    'no KV cache: each step runs the whole text again',
  );
});

test('a batch sweep draws and tells latency and throughput of both', async ({ app: page }) => {
  await drop(page, fixture('optimum-llama-fp32'));
  await expect(page.getByTestId('model-chip')).toContainText('5 blocks');
  await measureByHand(page);
  await page.getByTestId('block-2').uncheck();
  await workspace(page, 'speed');
  await page.getByTestId('sweep').click();
  await expect(page.getByTestId('sweep-chart')).toBeVisible();
  await page.getByTestId('sweep-result').locator('summary').click();
  await expect(page.getByTestId('sweep-table').locator('tbody tr')).toHaveCount(6);
});
