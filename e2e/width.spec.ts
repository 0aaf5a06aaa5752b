// Width against depth in the built page: three methods at the weights of a plan, speeds from the
// bytes that an export writes, stopped early, and the export of a narrower model.

import AxeBuilder from '@axe-core/playwright';
import { expect, openScored, test, workspace } from './app.ts';

test('width is held against the plan, and a narrower model is exported', async ({ app: page }) => {
  await openScored(page);
  await page.getByTestId('block-7').uncheck();
  await page.getByTestId('block-9').uncheck();
  await workspace(page, 'speed');
  await expect(page.getByTestId('width-why')).toContainText('the plan without 7 and 9');
  await page.getByTestId('compare-width').click();
  const rows = page.getByTestId('width-row');
  await expect(rows).toHaveCount(6);
  for (const method of ['depth', 'wanda-sp', 'flap', 'llm-pruner'])
    await expect(page.getByTestId(`width-ppl-${method}`)).toHaveText(/^\d+\.\d+$/);
  // Whole groups and channels come within half a percent of the blocks.
  for (const method of ['depth', 'wanda-sp', 'llm-pruner'])
    await expect(rows.and(page.locator(`[data-row=${method}]`))).toContainText(/−11\.[0-9] %/);
  await expect(page.getByTestId('width-chart-params')).toHaveAttribute('aria-label', /Wanda-sp/);

  // All variants ran at batch 1 from the bytes of an export; the other sizes are not waited for.
  for (const method of ['depth', 'wanda-sp', 'flap', 'llm-pruner'])
    await expect(page.getByTestId(`width-gain-${method}-1`)).toHaveText(/^\d+\.\d+ ×/);
  await page.getByTestId('width-cancel').click();
  await expect(page.getByTestId('width-result')).toHaveAttribute('data-whole', 'false');
  await expect(page.getByTestId('width-gain-depth-1')).toHaveText(/×/);
  await expect(page.getByTestId('width-stopped')).toHaveCount(0);
  const { violations } = await new AxeBuilder({ page })
    .include('[data-testid=width-panel]')
    .analyze();
  expect(violations).toEqual([]);

  await page.getByTestId('export').click();
  await page.getByTestId('target-zip').check();
  await page.keyboard.press('Escape');
  await page.getByTestId('width-export-wanda-sp').click();
  await expect(page.getByTestId('verdict')).toHaveText(/Verified/);
  const download = page.waitForEvent('download');
  await page.getByTestId('save-zip').click();
  expect((await download).suggestedFilename()).toBe('sample-wanda-sp-13.zip');
});
