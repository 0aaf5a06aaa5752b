// Time before work: said before scoring, a quick look in one click, what is left after Cancel, and a
// curve that moves nothing when it ends.

import type { Page } from '@playwright/test';
import { expect, finished, openSample, test } from './app.ts';

/** Shifts of the layout that no input caused, summed up so far. */
function watchShifts(page: Page): Promise<void> {
  return page.evaluate(() => {
    const sum = { value: 0 };
    Object.assign(window, { shifts: sum });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as (PerformanceEntry & {
        value: number;
        hadRecentInput: boolean;
      })[])
        if (!entry.hadRecentInput) sum.value += entry.value;
    }).observe({ type: 'layout-shift' });
  });
}

const shifts = (page: Page) =>
  page.evaluate(() => (window as unknown as { shifts: { value: number } }).shifts.value);

test('the time is said before scoring; a quick look scores 2 windows of 32 tokens', async ({
  app: page,
}) => {
  await openSample(page);
  await expect(page.getByTestId('score-time')).toHaveText(/a few seconds|about \d+/);
  await expect(page.getByTestId('quick-time')).toHaveText(/a few seconds|about \d+/);
  // Memory is not tight: it is there on request.
  await expect(page.getByTestId('memory')).toBeHidden();
  await page.getByTestId('settings').click();
  await expect(page.getByTestId('settings-needs')).toContainText('Scoring takes');
  await page.keyboard.press('Escape');
  await watchShifts(page);
  await page.getByTestId('score-quick').click();
  await finished(page);
  await expect(page.getByTestId('measured-on')).toContainText('2 windows × 32 tokens');
  expect(await shifts(page)).toBeLessThan(0.02);
});

test.describe('on a phone', () => {
  test.use({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });

  test('nothing moves from the start of scoring to its end', async ({ app: page }) => {
    await page.getByTestId('open-sample').tap();
    await expect(page.getByTestId('progress')).toBeVisible();
    await watchShifts(page);
    await expect(page.getByTestId('progress')).toContainText(/block \d+ of 16/);
    const chart = page.getByTestId('importance-chart');
    const before = await chart.boundingBox();
    await finished(page);
    expect(await chart.boundingBox()).toEqual(before);
    expect(await shifts(page)).toBeLessThan(0.02);
    expect(before?.y).toBeLessThan(340);
  });
});

test('what was measured before a cancel is shown as such', async ({ app: page }) => {
  await openSample(page);
  await page.getByTestId('score').click();
  await expect(page.getByTestId('ppl-original')).toHaveText(/\d/);
  await page.getByTestId('cancel').click();
  await expect(page.getByTestId('stopped')).toContainText('What was measured is shown.');
  await expect(page.getByTestId('ppl-original')).toHaveText(/\d/);
});
