// Results that are kept: back after a reload without scoring, listed, erased; recent folders; an
// export beside its source.

import type { Page } from '@playwright/test';
import {
  drop,
  expect,
  exportZip,
  finished,
  openSample,
  openScored,
  test,
  workspace,
} from './app.ts';

test.describe.configure({ timeout: 400_000 });

/** How many results of each kind the browser holds, of the only model; {} before any. */
function storedCounts(page: Page): Promise<Record<string, number>> {
  return page.evaluate(
    () =>
      new Promise<Record<string, number>>((resolve, reject) => {
        const opening = indexedDB.open('espalier-kept');
        opening.onerror = () => reject(opening.error);
        opening.onsuccess = () => {
          const db = opening.result;
          const reading = db.transaction('models').objectStore('models').getAll();
          reading.onerror = () => reject(reading.error);
          reading.onsuccess = () => {
            db.close();
            resolve(reading.result.find((entry) => 'counts' in entry)?.counts ?? {});
          };
        };
      }),
  );
}

/** The sample, scored, without its 3 least important blocks. @returns perplexity of the plan */
async function worked(page: Page): Promise<string> {
  await openScored(page);
  await page.getByTestId('drop-count').fill('3');
  await expect(page.getByTestId('ppl-pruned')).toHaveAttribute('data-stale', 'false');
  await expect(page.getByTestId('ppl-pruned')).toHaveText(/\d/);
  return (await page.getByTestId('ppl-pruned').textContent()) ?? '';
}

test('after a reload, curve, perplexities, names and speeds are back without scoring; erased, they are gone', async ({
  app: page,
}) => {
  const ppl = await worked(page);
  await workspace(page, 'variants');
  await page.getByTestId('variant-name').fill('lean');
  await page.getByTestId('variant-keep').click();
  await workspace(page, 'speed');
  await page.getByTestId('speed-measure').click();
  const speed = page.getByTestId('toks-pruned');
  await expect(speed).toHaveAttribute('data-kind', 'measured');
  const measured = await speed.textContent();
  // Stored a moment after it was measured.
  await expect.poll(() => storedCounts(page)).toMatchObject({ speed: 1, variants: 1 });

  await page.goto('about:blank');
  await page.goBack();
  await openSample(page);
  await workspace(page, 'choose');
  await expect(page.getByTestId('scored-ago')).toContainText(
    /Scored (just now|\d+ minutes? ago) on/,
  );
  await expect(page.getByTestId('measured-on')).toContainText('2 windows × 32 tokens');
  await expect(page.getByTestId('ppl-pruned')).toHaveText(ppl);
  await workspace(page, 'speed');
  await expect(speed).toHaveText(measured ?? '');
  await workspace(page, 'variants');
  await expect(page.getByTestId('workspace-variants')).toContainText('lean');
  // A plan that was never measured is measured on the windows of before.
  await workspace(page, 'choose');
  await page.getByTestId('drop-count').fill('4');
  await expect(page.getByTestId('ppl-pruned')).toHaveAttribute('data-stale', 'false');
  await expect(page.getByTestId('ppl-pruned')).toHaveText(/^\d+\.\d\d$/);

  await page.getByTestId('kept').click();
  await expect(page.getByTestId('kept-model')).toContainText('1 importance curve');
  await page.getByTestId('erase-all').click();
  await page.getByTestId('erase-all-yes').click();
  await expect(page.getByTestId('kept-model')).toHaveCount(0);
  await page.goto('./');
  await expect(page.getByTestId('kept-line')).toBeHidden();
  await openSample(page);
  await expect(page.getByTestId('memory')).toContainText('Needs about');
  await expect(page.getByTestId('measured-on')).toBeHidden();
});

test('an export that is opened again stands beside the kept numbers of its source', async ({
  app: page,
}) => {
  const ppl = await worked(page);
  const { folder, remove } = await exportZip(page);
  await page.keyboard.press('Escape');
  await drop(page, folder);
  const panel = page.getByTestId('made-from');
  await expect(panel).toContainText('0-12, in the source');
  await expect(page.getByTestId('made-from-table')).toContainText(ppl);
  // On windows of the same size, which is the size that was chosen last.
  await page.getByTestId('score').first().click();
  await finished(page);
  // The pruned model scores as the plan did.
  const cells = page.getByTestId('made-from-table').locator('tr', { hasText: 'perplexity' });
  await expect(cells.locator('td').nth(2)).toHaveText(ppl);
  remove();
});
