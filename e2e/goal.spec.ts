// From a goal to a plan on the sample, from a fresh page: a bound that cannot be kept, the closest
// plan, a bound that can; the verdict; the fewest blocks by size.

import { expect, measureByHand, openSample, test } from './app.ts';

test('20 % smaller: not with +15 % perplexity, so the closest; then with +20 %', async ({
  app: page,
}) => {
  test.setTimeout(240_000);
  await openSample(page);
  const goal = page.getByTestId('goal');
  await expect(goal.getByTestId('goal-value')).toHaveValue('25');
  await goal.getByTestId('goal-kind').selectOption('smaller');
  await goal.getByTestId('goal-value').fill('20');
  await goal.getByTestId('goal-bound').fill('15');
  await expect(goal.getByTestId('goal-look-10')).toBeChecked();
  await goal.getByTestId('goal-find').click();
  await expect(page.getByTestId('job-bar')).toBeVisible();
  const outcome = goal.getByTestId('goal-outcome');
  await expect(outcome).toHaveAttribute('data-end', 'unreachable', { timeout: 200_000 });
  // Four blocks cost +15.3 % at best: 47.6 against 41.26.
  await expect(outcome).toContainText('20 % smaller cannot be reached');
  await expect(outcome).toContainText('without 4 blocks has perplexity +15.3 %');
  await expect(page.getByTestId('kept-count')).toContainText('16 of 16');
  await outcome.getByTestId('goal-closest').click();
  await expect(page.getByTestId('kept-count')).toContainText('13 of 16');
  await expect(page.getByTestId('verdict-word')).toHaveText('Needs healing');

  await goal.getByTestId('goal-bound').fill('20');
  await goal.getByTestId('goal-find').click();
  await expect(outcome).toHaveAttribute('data-end', 'met', { timeout: 200_000 });
  await expect(outcome).toContainText('Found, 20 % smaller: without 4 blocks');
  await expect(page.getByTestId('kept-count')).toContainText('12 of 16');
  await goal.getByTestId('goal-steps').locator('summary').click();
  // Another order beats the curve's own, and the steps say so.
  await expect(goal.getByTestId('goal-steps')).toContainText(/\+19 % by one-shot perplexity/);
  await page.keyboard.press('Control+z');
  await expect(page.getByTestId('kept-count')).toContainText('13 of 16');
});

test('the fewest blocks whose files fit, whatever the perplexity; a cancel changes nothing', async ({
  app: page,
}) => {
  test.setTimeout(240_000);
  await openSample(page);
  await measureByHand(page);
  const goal = page.getByTestId('goal');
  await goal.getByTestId('goal-kind').selectOption('size');
  await expect(goal.getByTestId('goal-hint')).toHaveText('Enter a target.');
  await goal.getByTestId('goal-value').fill('9');
  await goal.getByTestId('goal-bound-on').uncheck();
  await goal.getByTestId('goal-look-2').check();
  await goal.getByTestId('goal-find').click();
  await goal.getByTestId('goal-cancel').click();
  await expect(goal.getByTestId('goal-outcome')).toHaveText('Stopped. The plan is unchanged.');
  await expect(page.getByTestId('job-bar')).toBeHidden();
  await goal.getByTestId('goal-find').click();
  await expect(goal.getByTestId('goal-outcome')).toHaveAttribute('data-end', 'met', {
    timeout: 200_000,
  });
  // A block is 0.69 MB of 12.2 MB: five must go.
  await expect(page.getByTestId('kept-count')).toContainText('11 of 16');
  await page.keyboard.press('Control+z');
  await expect(page.getByTestId('kept-count')).toContainText('16 of 16');
});
