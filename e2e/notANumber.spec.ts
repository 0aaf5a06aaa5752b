// A model that gives NaN before anything is left out: said first, and nothing is ranked by it.

import { caseExpect, casePath } from '../src/testing/fixtures.ts';
import { drop, expect, finished, giveWindows, test, workspace } from './app.ts';

const NAME = 'intact-model-not-a-number';
const { windows } = caseExpect<{ windows: number[][] }>(NAME);

test('a model that gives NaN is said to, with its first block, and is not ranked', async ({
  app: page,
}) => {
  await drop(page, casePath(`${NAME}/model`));
  await expect(page.getByTestId('model-chip')).toContainText('4 blocks');
  await giveWindows(page, windows);
  await page.getByTestId('score').first().click();
  await finished(page);
  const notice = page.getByTestId('no-numbers');
  await expect(notice).toContainText(
    'Nothing can be ranked. The intact model gives no numbers (NaN)',
  );
  await expect(notice).toContainText('block 2 is the first whose output is not finite');
  await expect(notice).toContainText('Numbers come back without block 2.');
  await expect(page.getByText(/costs least|matters least/)).toHaveCount(0);
  await expect(page.getByTestId('drop-lowest')).toBeDisabled();
  await expect(page.getByTestId('goal-hint')).toContainText('perplexity ranks nothing');
  await expect(page.getByTestId('goal-find')).toHaveAttribute('aria-disabled', 'true');
  await expect(page.getByTestId('ppl-original')).toHaveText('none');
  await expect(page.getByTestId('importance-chart')).toHaveAttribute(
    'aria-label',
    /Original: none/,
  );

  // A plan of one's own is measured, and judged by nothing.
  await page.getByTestId('block-2').click();
  await expect(page.getByTestId('ppl-pruned')).toHaveText(/^[\d,.]+$/);
  await expect(page.getByTestId('plan-verdict')).toHaveCount(0);
  await workspace(page, 'compare');
  await expect(page.getByTestId('search-estimate')).toContainText('perplexity ranks nothing');

  // Block 1 is no cure: the export is unverified, and says why.
  await workspace(page, 'choose');
  await page.getByTestId('keep-all').first().click();
  await page.getByTestId('block-1').click();
  await page.getByTestId('export').click();
  await page.getByTestId('target-zip').check();
  await page.getByTestId('export-start').click();
  await expect(page.getByTestId('verdict')).toContainText(/not verified/i);
  await expect(page.getByRole('dialog')).toContainText('the source itself gives NaN');
});
