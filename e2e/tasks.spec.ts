// Zero-shot tasks in the built page, on the sample in a browser without WebGPU: the scores are
// those of the lm-evaluation-harness.

import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { drop, expect, golden, openSample, test, workspace } from './app.ts';

interface Golden {
  tasks: Record<string, { scores: Record<string, number> }>;
  mean: number;
}

const TASKS = [
  'boolq',
  'piqa',
  'hellaswag',
  'winogrande',
  'arc_easy',
  'arc_challenge',
  'openbookqa',
];

async function expectNoObstacles(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page })
    .include('[data-testid=workspace-tasks]')
    .analyze();
  expect(
    violations.filter((v) => v.impact === 'serious' || v.impact === 'critical').map((v) => v.id),
  ).toEqual([]);
}

test('a dropped folder of tasks is answered by original and plan, and its rows are read', async ({
  app: page,
}) => {
  const { tasks, mean } = golden<Golden>('tasks');
  // Before a model is open, rows are kept.
  await drop(page, 'e2e/fixtures/tasks');
  await expect(page.getByRole('status').filter({ hasText: 'are kept' })).toBeVisible();
  await openSample(page);
  await page.getByTestId('block-7').uncheck();
  await workspace(page, 'tasks');
  // Three formats of the same rows count once.
  for (const task of TASKS)
    await expect(page.getByTestId(`tasks-loaded-${task}`)).toContainText('12 rows');
  await expect(page.getByTestId('tasks-needs')).toContainText('84 rows');
  await page.getByTestId('tasks-start').click();
  await expect(page.getByTestId('tasks-result')).toHaveAttribute('data-state', 'whole');
  for (const task of TASKS) {
    const { scores } = tasks[task]!;
    for (const [metric, name] of [
      ['acc', 'acc'],
      ['accNorm', 'acc_norm'],
    ]) {
      const [score, stderr] = [scores[name!], scores[`${name}_stderr`]];
      if (score === undefined || stderr === undefined) continue;
      await expect(page.getByTestId(`tasks-${task}-${metric}-0`)).toContainText(
        `${(100 * score).toFixed(1)} ± ${(100 * stderr).toFixed(1)}`,
      );
    }
    await expect(page.getByTestId(`tasks-${task}-acc-1`)).toContainText(/^\d/);
  }
  await expect(page.getByTestId('tasks-mean')).toContainText('mean of the seven');
  await expect(page.getByTestId('tasks-mean-0')).toHaveText((100 * mean).toFixed(1));
  await expect(page.getByTestId('tasks-how')).toContainText('contexts shared');

  // Rows of a task with their choices.
  await page.getByTestId('tasks-read').selectOption('winogrande');
  await page.getByTestId('tasks-which').selectOption('all');
  await expect(page.getByTestId('tasks-row-0')).toContainText('right');
  await page.getByTestId('tasks-next').click();
  await page.getByTestId('tasks-next').click();
  await expect(page.getByTestId('tasks-row-11')).toContainText('chosen by');
  await expectNoObstacles(page);
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.setViewportSize({ width: 390, height: 844 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
  await expectNoObstacles(page);
});
