// Healing in the built page: the refit switch beside the plan with a verified export, and a LoRA
// training with its live curve that is stopped, kept, and back after a reload.

import type { Page } from '@playwright/test';
import { expect, exportZip, openSample, test, text, workspace } from './app.ts';

/** Fields of the form in the Heal workspace. */
async function fill(page: Page, fields: Record<string, number>): Promise<void> {
  for (const [field, value] of Object.entries(fields))
    await page.getByTestId(`heal-${field}`).fill(String(value));
}

const number = async (page: Page, testId: string): Promise<number> =>
  Number(await page.getByTestId(testId).textContent());

test('a refit beside the plan: its perplexity is shown, and the export is verified', async ({
  app: page,
}) => {
  await openSample(page);
  await page.getByTestId('settings').first().click();
  await page.getByTestId('samples').fill('2');
  await page.getByTestId('score-with-settings').click();
  await expect(page.getByTestId('measured-on')).toContainText('2 windows');
  await workspace(page, 'heal');
  await page.getByTestId('heal-panel').locator('details summary').first().click();
  await fill(page, { samples: 32 });
  for (const block of [2, 7, 8, 9]) await page.getByTestId(`block-${block}`).uncheck();
  await page.getByTestId('refit-switch').check();
  await expect(page.getByTestId('ppl-healed')).toHaveText(/^\d/);
  expect(await number(page, 'ppl-healed')).toBeLessThan(await number(page, 'ppl-pruned'));

  const exported = await exportZip(page);
  try {
    const { steps } = JSON.parse(text(exported.files.get('espalier.json')));
    expect(steps).toContainEqual(expect.objectContaining({ step: 'healing' }));
  } finally {
    exported.remove();
  }
});

test('a LoRA training is watched, stopped, kept, and back after a reload', async ({
  app: page,
}) => {
  await openSample(page);
  for (const block of [2, 7, 8, 9]) await page.getByTestId(`block-${block}`).uncheck();
  await workspace(page, 'heal');
  await page.getByTestId('heal-lora').check();
  await page.getByTestId('heal-advanced').locator('summary').click();
  await fill(page, { steps: 500, batch: 4, length: 32, warmup: 0, heldOutEvery: 2 });
  await page.getByTestId('heal-start').click();
  await expect(page.getByTestId('heal-chart')).toHaveAttribute('aria-label', /over [3-9] of 500/);
  await page.getByTestId('heal-stop').click();

  const outcome = page.getByTestId('heal-outcome');
  await expect(outcome).toContainText(/Stopped after step \d+ of 500/);
  for (const set of ['fit', 'held-out', 'foreign'])
    await expect(page.getByTestId(`healed-${set}`)).toContainText(/\d+\.\d+/);
  await expect(outcome).toContainText(/Recovered \d+ %|did not help/);

  await page.reload();
  await openSample(page);
  await workspace(page, 'heal');
  await page.getByTestId('heal-kept').locator('summary').click();
  await expect(page.getByTestId('heal-kept-row')).toContainText('LoRA, without 2, 7, 8 and 9');
  await page.getByTestId('heal-kept-row').getByRole('button', { name: 'Show' }).click();
  await expect(page.getByTestId('healed-held-out')).toBeVisible();
});
