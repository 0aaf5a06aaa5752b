// The frame of the page: tabs as WAI-ARIA describes them, the address, the running job everywhere,
// what was typed, the length of every workspace; a phone; the keyboard alone.

import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { WORKSPACES } from '../src/words/workspaces.ts';
import { expect, finished, measureByHand, openSample, openScored, test, workspace } from './app.ts';

async function serious(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
}

test('workspaces: tabs, keys and address; none is longer than two screens or fails axe', async ({
  app: page,
}) => {
  await page.setViewportSize({ width: 1440, height: 900 });
  await openScored(page);
  await page.getByTestId('drop-count').fill('4');
  await expect(page.getByTestId('ppl-pruned')).toHaveAttribute('data-stale', 'false');
  const { hash } = new URL(page.url());
  expect(hash).toMatch(/^#plan=[\d,-]+$/);
  for (const id of WORKSPACES) {
    await workspace(page, id);
    await expect(page.getByTestId(`tab-${id}`)).toHaveAttribute('aria-selected', 'true');
    await expect(page.getByRole('tabpanel')).toHaveCount(1);
    await expect(page.getByTestId(`workspace-${id}`).locator('h2').first()).toBeVisible();
    const height = await page.evaluate(() => document.documentElement.scrollHeight);
    expect(height, `height of ${id}`).toBeLessThanOrEqual(1800);
    expect(await serious(page), id).toEqual([]);
    // Blocks and result stay in view.
    await expect(page.getByTestId('drop-count')).toBeInViewport();
    await expect(page.getByTestId('export')).toBeInViewport();
  }
  expect(new URL(page.url()).hash).toBe(`${hash}&tab=variants`);

  // Arrows go round; a digit opens a workspace from anywhere.
  await page.getByTestId('tab-variants').press('ArrowRight');
  await expect(page.getByTestId('tab-choose')).toBeFocused();
  await expect(page.getByTestId('workspace-choose')).toBeVisible();
  await page.keyboard.press('End');
  await expect(page.getByTestId('tab-variants')).toBeFocused();
  await page.keyboard.press('5');
  await expect(page.getByTestId('workspace-quality')).toBeVisible();

  // What was typed stays when another workspace was open.
  await page.getByTestId('prompt').fill('Anne had never');
  await workspace(page, 'choose');
  await workspace(page, 'quality');
  await expect(page.getByTestId('prompt')).toHaveValue('Anne had never');

  // The address opens plan and workspace.
  await page.evaluate(() => {
    location.hash = '#plan=7&tab=compare';
  });
  await expect(page.getByTestId('workspace-compare')).toBeVisible();
  await expect(page.getByTestId('kept-count')).toContainText('15 of 16');
});

test('a running job is seen and cancelled from every workspace', async ({ app: page }) => {
  await openSample(page);
  await page.getByTestId('score').click();
  await workspace(page, 'variants');
  await expect(page.getByTestId('job-bar')).toContainText('Scoring');
  await expect(page.getByTestId('job-bar')).toContainText('%');
  await page.getByTestId('job-cancel').click();
  await expect(page.getByTestId('job-bar')).toBeHidden();
});

test('a term is explained by keyboard and by touch', async ({ app: page }) => {
  await openSample(page);
  const term = page.getByTestId('term-perplexity').first();
  await term.press('Enter');
  await expect(page.getByText('Lower is better.', { exact: false }).first()).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByText('Lower is better.', { exact: false }).first()).toBeHidden();
});

test.describe('on a phone', () => {
  test.use({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });

  test('curve, slider and result are in view together', async ({ app: page }) => {
    await page.getByTestId('open-sample').tap();
    await finished(page);
    await page.getByTestId('importance-chart').scrollIntoViewIfNeeded();
    await page.getByTestId('strip-lowest').fill('4');
    await expect(page.getByTestId('result-strip')).toContainText('12 of 16 kept');
    await expect(page.getByTestId('result-strip')).toContainText(/PPL 49\.2\d \(\+19 %\)/);
    await expect(page.getByTestId('result-strip')).toContainText('9.4 MB');
    for (const id of ['importance-chart', 'strip-lowest', 'strip-export'])
      await expect(page.getByTestId(id)).toBeInViewport();
    expect(await serious(page)).toEqual([]);
    for (const id of WORKSPACES) {
      await page.getByTestId(`tab-${id}`).tap();
      await expect(page.getByTestId(`workspace-${id}`)).toBeVisible();
      expect(await page.evaluate(() => document.documentElement.scrollWidth), id).toBe(390);
      expect(await tooSmall(page), id).toEqual([]);
    }
  });
});

/** Controls that a finger may miss; links inside sentences and words with an explanation aside. */
function tooSmall(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll('button, select, summary, input')]
      .filter((one) => one.checkVisibility() && !one.closest('[popover]'))
      .filter((one) => !one.getAttribute('data-testid')?.startsWith('term-'))
      .map((one) => (one instanceof HTMLInputElement ? (one.closest('label') ?? one) : one))
      .filter((one) => one.getBoundingClientRect().height < 44)
      .map((one) => one.outerHTML.slice(0, 120)),
  );
}

test('from the first page to an exported plan by keyboard alone', async ({ app: page }) => {
  const tabTo = async (testId: string) => {
    const target = page.getByTestId(testId);
    for (let presses = 0; presses < 60; presses++) {
      if (await target.evaluate((one) => one === document.activeElement)) return;
      await page.keyboard.press('Tab');
    }
    throw new Error(`The Tab key does not reach ${testId}.`);
  };
  await tabTo('open-sample');
  await page.keyboard.press('Enter');
  await finished(page);
  await measureByHand(page);
  await tabTo('drop-lowest');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  await expect(page.getByTestId('kept-count')).toContainText('14 of 16');
  await expect(page.getByTestId('ppl-pruned')).toHaveAttribute('data-stale', 'false');
  await tabTo('tab-choose');
  await page.keyboard.press('ArrowRight');
  await expect(page.getByTestId('workspace-compare')).toBeVisible();
  await tabTo('export');
  await page.keyboard.press('Enter');
  await expect(page.getByTestId('export-dialog')).toBeVisible();
  await page.getByTestId('target-zip').press('Space');
  await page.getByTestId('export-start').press('Enter');
  await expect(page.getByTestId('verdict')).toHaveText(/Verified/);
  await page.keyboard.press('Escape');
  await expect(page.getByTestId('export')).toBeFocused();
});
