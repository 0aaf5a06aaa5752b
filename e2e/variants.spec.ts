// The Speed and Variants workspaces in the built page: times before work, the gain in the result,
// rows by gain, names that wrap.

import { expect, openScored, test } from './app.ts';

test('measured plans are compared by gain, and a long name stays readable', async ({
  app: page,
}) => {
  await openScored(page);
  await page.getByTestId('tab-speed').click();
  await expect(page.getByTestId('speed')).toContainText('unknown until the first run');
  for (const count of ['2', '8']) {
    await page.getByTestId('tab-choose').click();
    await page.getByTestId('drop-count').fill(count);
    await expect(page.getByTestId('ppl-pruned')).toHaveAttribute('data-stale', 'false');
    await page.getByTestId('summary-measure').click();
    await expect(page.getByTestId('summary-gain')).toHaveAttribute('data-kind', 'measured');
  }
  await expect(page.getByTestId('summary-gain')).toContainText('×');
  await page.getByTestId('tab-speed').click();
  await expect(page.getByTestId('speed-measure')).toContainText(/\(about .*s\)/);
  await expect(page.getByTestId('speed-measure-paper')).toContainText(/\(about /);

  await page.getByTestId('tab-variants').click();
  await expect(page.getByTestId('pareto-point')).toHaveCount(3);
  await expect(page.getByTestId('pareto-chart')).toContainText('gain over the original');
  const rows = page.getByTestId('variant-row');
  await expect(rows).toHaveCount(3);
  const gains = (await rows.locator('td:nth-of-type(2)').allTextContents()).map(Number.parseFloat);
  expect(gains).toEqual([...gains].sort((a, b) => b - a));
  expect(gains).toContain(1);

  const name = 'half of the blocks gone, measured on a quiet night';
  await page.getByTestId('variant-name').fill(name);
  await page.getByTestId('variant-keep').click();
  const shown = page.getByRole('button', { name: `Rename ${name}` });
  await expect(shown).toHaveText(name);
  const { clipped, lines } = await shown.evaluate((button) => ({
    clipped: button.scrollWidth > button.clientWidth,
    lines: button.getClientRects()[0]!.height,
  }));
  expect(clipped).toBe(false);
  expect(lines).toBeGreaterThan(40);
  await shown.click();
  await page.keyboard.type('half');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('button', { name: 'Rename half' })).toBeFocused();
  await page.getByTestId('term-rebased').click();
  await expect(page.getByText('The gain times the speed of the original')).toBeVisible();
});
