// Parts of blocks and the iterative search in the built page, on a small folder in a browser
// without WebGPU. Numbers are the PyTorch goldens.

import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import {
  drop,
  expect,
  exportZip,
  finished,
  fixture,
  giveWindows,
  golden,
  test,
  text,
  workspace,
} from './app.ts';

interface Golden {
  windows: number[][];
  baseline: { nll: number };
  blocks: { nll: number }[];
  units: { attn: number[]; ffn: number[] };
}

const FOLDER = 'optimum-llama-fp32';
const expected = golden<Golden>(FOLDER);

async function scored(page: Page): Promise<void> {
  await drop(page, fixture(FOLDER));
  await expect(page.getByTestId('model-chip')).toContainText('5 blocks');
  await giveWindows(page, expected.windows);
  await page.getByTestId('score').click();
  await finished(page);
}

/** The perplexity that an element shows, against an NLL in nats; four digits are shown. */
async function expectPpl(page: Page, testId: string, nll: number): Promise<void> {
  await expect
    .poll(async () => {
      const shown = Number(
        ((await page.getByTestId(testId).textContent()) ?? '').replace(/,/g, ''),
      );
      return Math.abs(shown / Math.exp(nll) - 1);
    })
    .toBeLessThan(1e-3);
}

async function expectNoObstacles(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(
    violations.filter((v) => v.impact === 'serious' || v.impact === 'critical').map((v) => v.id),
  ).toEqual([]);
}

test('parts: scored, removed alone, exported and verified', async ({ app: page }) => {
  await scored(page);
  await page.getByTestId('score-sublayers').click();
  await expect(page.getByTestId('parts-tools')).toContainText('sublayers scored in');
  await expect(page.getByTestId('parts-chart')).toBeVisible();

  // Every part shows what leaving it out costs.
  for (const block of [0, 1, 2, 3, 4]) {
    await page.getByTestId(`open-${block}`).click();
    for (const part of ['attn', 'ffn'] as const) {
      const name = await page.getByTestId(`part-${block}.${part}`).getAttribute('aria-label');
      const shown = Number(
        /perplexity without it ([\d.,]+)/.exec(name ?? '')?.[1]?.replace(/,/g, ''),
      );
      expect(Math.abs(shown / Math.exp(expected.units[part][block] ?? 0) - 1)).toBeLessThan(1e-3);
    }
  }

  await page.getByTestId('part-2.attn').uncheck();
  await expect(page.getByTestId('kept-count')).toContainText('5 of 5 (1 in part)');
  await expect(page.getByTestId('ppl-pruned')).toHaveAttribute('data-stale', 'false');
  await expectPpl(page, 'ppl-pruned', expected.units.attn[2] ?? 0);
  expect(new URL(page.url()).hash).toBe('#plan=2.attn');
  expect(
    await page.getByTestId('block-2').evaluate((box: HTMLInputElement) => box.indeterminate),
  ).toBe(true);
  await expectNoObstacles(page);

  const exported = await exportZip(page);
  try {
    expect(JSON.parse(text(exported.files.get('espalier.json'))).removed).toEqual(['2.attn']);
  } finally {
    exported.remove();
  }
  await page.keyboard.press('Escape');

  // Removing the other part as well removes the block.
  await page.getByTestId('part-2.ffn').uncheck();
  await expect(page.getByTestId('block-2')).not.toBeChecked();
  await expectPpl(page, 'ppl-pruned', expected.blocks[2]?.nll ?? 0);
  await page.getByTestId('drop-count').fill('1');
  const parts = [
    ...expected.units.attn.map((nll, b) => ({ unit: `${b}.attn`, nll })),
    ...expected.units.ffn.map((nll, b) => ({ unit: `${b}.ffn`, nll })),
  ];
  const [least] = parts.sort((a, b) => a.nll - b.nll);
  await expect(page.getByTestId(`part-${least?.unit}`)).not.toBeChecked();
  await expect(page.getByTestId('kept-count')).toHaveText('5 of 5 (1 in part) kept');
});

test('the block list by keyboard: rows open, parts are reached and removed', async ({
  app: page,
}) => {
  await drop(page, fixture(FOLDER));
  await expect(page.getByTestId('model-chip')).toContainText('5 blocks');
  const focused = page.locator(':focus');
  await page.getByTestId('block-1').focus();
  await page.keyboard.press('ArrowRight');
  await expect(page.getByTestId('open-1')).toHaveAttribute('aria-expanded', 'true');
  await page.keyboard.press('ArrowDown');
  await expect(focused).toHaveAttribute('data-testid', 'part-1.attn');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Space');
  await expect(page.getByTestId('part-1.ffn')).not.toBeChecked();
  await page.keyboard.press('ArrowDown');
  await expect(focused).toHaveAttribute('data-testid', 'block-2');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('ArrowLeft');
  await expect(focused).toHaveAttribute('data-testid', 'block-1');
  await page.keyboard.press('ArrowRight');
  await expect(focused).toHaveAttribute('data-testid', 'lock-1');
  // A lock puts back what was removed of the block.
  await page.keyboard.press('l');
  await expect(page.getByTestId('part-1.ffn')).toBeChecked();
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('ArrowLeft');
  await expect(page.getByTestId('open-1')).toHaveAttribute('aria-expanded', 'false');
  await expectNoObstacles(page);
});

test('the iterative search: steps, their plan in one click, one-shot paths beside it', async ({
  app: page,
}) => {
  await scored(page);
  await workspace(page, 'compare');
  await page.getByTestId('search-count').fill('2');
  await expect(page.getByTestId('search-estimate')).toContainText(
    /2 steps, (up to about|a few seconds)/,
  );
  await page.getByTestId('search-start').click();
  await expect(page.getByTestId('search-verdict')).toContainText('All 2 blocks removed');
  await expect(page.getByTestId('path-chart')).toBeVisible();

  // The first step is the curve's own answer.
  const first = expected.blocks
    .map(({ nll }, block) => ({ block, nll }))
    .sort((a, b) => a.nll - b.nll)[0];
  await expectPpl(page, 'path-iterative/0', expected.baseline.nll);
  await expectPpl(page, 'path-iterative/1', first?.nll ?? 0);
  await expect(page.getByTestId('path-iterative/1')).toHaveAccessibleName(
    new RegExp(`without ${first?.block}:`),
  );

  // The second is what the effect measures of the same plan, chosen by hand.
  const name = (await page.getByTestId('path-iterative/2').getAttribute('aria-label')) ?? '';
  const plan = /without (\d) and (\d)/.exec(name)?.slice(1) ?? [];
  expect(plan).toContain(String(first?.block));
  for (const block of plan) await page.getByTestId(`block-${block}`).uncheck();
  await expect(page.getByTestId('ppl-pruned')).toHaveAttribute('data-stale', 'false');
  await expect(page.getByTestId('ppl-pruned')).toHaveText(
    (await page.getByTestId('path-iterative/2').textContent()) ?? '',
  );

  await page.getByTestId('path-iterative/1').click();
  await expect(page.getByTestId('kept-count')).toContainText('4 of 5');
  await expectPpl(page, 'ppl-pruned', first?.nll ?? 0);
  await page.keyboard.press('Control+z');
  await expect(page.getByTestId('kept-count')).toContainText('3 of 5');

  // Where both orders begin alike, nothing is left to measure.
  const measure = page.getByTestId('measure-paths');
  if (await measure.isVisible()) await measure.click();
  await expect(page.getByTestId('path-ppl/2')).toHaveText(/\d/);
  await expectNoObstacles(page);
});

test('a search is held, goes on and is cancelled; its steps stay', async ({ app: page }) => {
  await page.getByTestId('open-sample').click();
  await page.getByTestId('cancel').click();
  await expect(page.getByTestId('cancel')).toBeHidden();
  await workspace(page, 'compare');
  await page.getByTestId('search-count').fill('6');
  await page.getByTestId('search-start').click();
  await expect(page.getByTestId('search-step')).toContainText('tried');
  await page.getByTestId('search-pause').click();
  await expect(page.getByTestId('search-panel')).toContainText('paused');
  await page.getByTestId('search-pause').click();
  await expect(page.getByTestId('search-step')).toContainText('Step 2', { timeout: 200_000 });
  await page.getByTestId('search-pause').click();
  await page.getByTestId('search-cancel').click();
  await expect(page.getByTestId('search-verdict')).toContainText(/Stopped after \d step/);
  await expect(page.getByTestId('path-iterative/1')).toHaveAccessibleName(/without 7:/);
});
