// Long jobs in the built page: interrupted by a reload or a crash, they go on where they were; the
// title and a notification tell of them.

import type { Page } from '@playwright/test';
import { expect, finished, giveWindows, golden, openSample, test, workspace } from './app.ts';

interface SampleGolden {
  baseline_ppl: number;
  oneshot: Record<string, number>;
  ppl_order: number[];
  windows: number[][];
  taylor_abs_wg_linear: number[];
}

// More than one run of some 20 s on an idle machine.
test.describe.configure({ timeout: 800_000 });

const expected = golden<SampleGolden>('sample');
/** The golden's windows several times over: the same means, and long enough to be interrupted. */
const LONG = Array.from({ length: 4 }, () => expected.windows).flat();

/** Waits until something of the job that runs is kept; opens no database that is not there. */
async function somethingKept(page: Page): Promise<void> {
  const count = () =>
    page.evaluate(async () => {
      const name = 'espalier-jobs';
      if (!(await indexedDB.databases()).some((one) => one.name === name)) return 0;
      const opening = indexedDB.open(name);
      await new Promise((resolve) => {
        opening.onsuccess = resolve;
      });
      const counting = opening.result.transaction('jobs').objectStore('jobs').count();
      await new Promise((resolve) => {
        counting.onsuccess = resolve;
      });
      opening.result.close();
      return counting.result;
    });
  await expect.poll(count).toBeGreaterThan(0);
}

async function expectGolden(page: Page): Promise<void> {
  await finished(page);
  await expect(page.getByTestId('ppl-original')).toHaveText(expected.baseline_ppl.toFixed(2));
  await page.getByTestId('drop-count').fill('4');
  for (const block of expected.ppl_order.slice(0, 4))
    await expect(page.getByTestId(`block-${block}`)).not.toBeChecked();
  await expect(page.getByTestId('ppl-pruned')).toHaveAttribute('data-stale', 'false');
  await expect(page.getByTestId('ppl-pruned')).toHaveText((expected.oneshot['4'] ?? 0).toFixed(2));
}

test('a run that a reload interrupts is offered again, goes on where it was and ends with the same numbers', async ({
  app: page,
}) => {
  await openSample(page);
  await giveWindows(page, LONG);
  await page.getByTestId('score').click();
  await expect(page).toHaveTitle(/^\d{1,2} % · Scoring · Espalier$/);
  await somethingKept(page);
  await page.reload();
  await expect(page).toHaveTitle('Espalier');

  await openSample(page);
  const card = page.getByTestId('interrupted-score');
  await expect(card).toContainText(/interrupted at [1-9]\d? %/);
  await expect(card).toContainText('40 windows × 128 tokens');
  await page.getByTestId('resume-score').click();
  await expect(card).toBeHidden();
  await expectGolden(page);
  await expect(page.getByTestId('measured-on')).toContainText('40 windows × 128 tokens');
  await expect(page.getByText(/Resumed at [1-9]\d? %/)).toBeVisible();
  await expect(page).toHaveTitle('Espalier');

  // Of a job that is done only the curve is kept.
  await page.reload();
  await openSample(page);
  await expect(page.getByTestId('measured-on')).toContainText('40 windows × 128 tokens');
  await expect(card).toBeHidden();
});

test('the engine dies in a long run: the click of the error goes on where it was; discarded, it begins anew', async ({
  app: page,
}) => {
  await openSample(page);
  await giveWindows(page, LONG);
  await page.getByTestId('score').click();
  await somethingKept(page);
  for (const worker of page.workers())
    await worker.evaluate(() => {
      setTimeout(() => {
        throw new Error('a simulated crash');
      });
    });
  await expect(page.getByTestId('error-score')).toContainText('The worker stopped unexpectedly.');
  await expect(page.getByTestId('remedy-score')).toHaveText(/^Resume at [1-9]\d? %$/);
  await expect(page.getByTestId('interrupted-score')).toBeHidden();
  // Once the error is dismissed, the job is offered by itself.
  await page.getByTestId('error-score').getByRole('button', { name: 'Dismiss' }).click();
  await expect(page.getByTestId('interrupted-score')).toContainText('just now');
  await page.getByTestId('resume-score').click();
  await expect(page.getByTestId('cancel')).toBeVisible();
  await page.getByTestId('cancel').click();
  await expect(page.getByTestId('cancel')).toBeHidden();
  await page.getByTestId('discard-score').click();
  await expect(page.getByTestId('interrupted-score')).toBeHidden();
  await page.reload();
  await openSample(page);
  await expect(page.getByTestId('memory')).toContainText('Needs about');
  await expect(page.getByTestId('interrupted-score')).toBeHidden();
});

test('a notification at the end of a long job, when it was asked for and the page is hidden', async ({
  app: page,
}) => {
  await page.evaluate(() => {
    const shown: string[] = [];
    let answer: NotificationPermission = 'denied';
    class Stub {
      static permission: NotificationPermission = 'default';
      static async requestPermission(): Promise<NotificationPermission> {
        Stub.permission = answer;
        return answer;
      }
      constructor(title: string, options?: NotificationOptions) {
        shown.push(`${title}: ${options?.body}`);
      }
    }
    Object.assign(window, {
      Notification: Stub,
      shown,
      allow() {
        answer = 'granted';
      },
    });
    Object.defineProperty(document, 'hidden', {
      configurable: true,
      get: () => document.body.classList.contains('test-hidden'),
    });
  });
  const shown = () => page.evaluate(() => (window as Window & { shown?: string[] }).shown);
  await openSample(page);
  await page.getByTestId('settings').click();
  const notify = page.getByTestId('settings-dialog').getByTestId('notify');
  await notify.click();
  await expect(page.getByTestId('notify-refused')).toBeVisible();
  await expect(notify).not.toBeChecked();
  await page.evaluate(() => (window as Window & { allow?: () => void }).allow?.());
  await notify.click();
  await expect(notify).toBeChecked();
  await expect(page.getByTestId('notify-refused')).toBeHidden();

  // Seen, the end needs no notification.
  await page.getByTestId('samples').fill('1');
  await page.getByTestId('score-with-settings').click();
  await finished(page);
  expect(await shown()).toEqual([]);
  await page.evaluate(() => document.body.classList.add('test-hidden'));
  await page.getByTestId('score').click();
  await expect
    .poll(shown)
    .toEqual([expect.stringMatching(/^Scoring has ended · sample: Scored 16 blocks in /)]);

  // The switch is remembered; the browser's leave is its own.
  await page.reload();
  await openSample(page);
  await page.getByTestId('settings').click();
  await expect(notify).toBeChecked();
});

test('Taylor that is cancelled goes on after a reload, and gives the same scores', async ({
  app: page,
}) => {
  await openSample(page);
  // Half of them take long enough.
  await giveWindows(page, LONG.slice(0, 20));
  await workspace(page, 'compare');
  await page.getByTestId('compare-criteria').click();
  // Forward through all 16 blocks is a fifth; then some blocks have their scores.
  const bar = page.getByTestId('criteria-panel').getByRole('progressbar');
  await expect(page.getByText(/of 80 steps/)).toBeVisible();
  await expect.poll(() => bar.getAttribute('value').then(Number)).toBeGreaterThan(24);
  await page.getByTestId('criteria-cancel').click();
  await expect(page.getByTestId('criteria-cancel')).toBeHidden();
  await expect(page.getByTestId('criterion-taylor')).toBeHidden();
  await somethingKept(page);
  await page.reload();

  await openSample(page);
  await workspace(page, 'choose');
  const card = page.getByTestId('interrupted-taylor');
  await expect(card).toContainText(/The Taylor criterion was interrupted at [1-9]\d %/);
  await expect(card).toContainText('20 windows × 128 tokens');
  await page.getByTestId('resume-taylor').click();
  await expect(card).toBeHidden();
  await workspace(page, 'compare');
  await expect(page.getByTestId('criterion-taylor')).toBeVisible();
  await page.getByText('All scores and ranks').click();
  for (const [block, score] of expected.taylor_abs_wg_linear.entries()) {
    const shown = Number(await page.getByTestId(`score-taylor/${block}`).textContent());
    expect(Math.abs(shown / score - 1), `block ${block}`).toBeLessThan(1e-3);
  }
});
