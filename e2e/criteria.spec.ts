// Criteria side by side and the calibration study in the built page, in a browser without WebGPU.
// Numbers are the PyTorch goldens of the sample.

import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { bestWindow, criterionOrder, spearman } from '../src/analysis/criteriaComparison.ts';
import { planFromHash } from '../src/state/address.ts';
import { expect, exportZip, finished, golden, test, text, workspace } from './app.ts';

interface Golden {
  loo_nll: number[];
  mag_l1_linear: number[];
  mag_l2_linear: number[];
  mag_l1_with_norms: number[];
  block_influence: number[];
  taylor_abs_wg_linear: number[];
  taylor_abs_wg_with_norms: number[];
  angular_last_token: Record<string, number[]>;
}

const expected = golden<Golden>('sample');
const angular = Object.keys(expected.angular_last_token)
  .sort((a, b) => Number(a) - Number(b))
  .map((n) => expected.angular_last_token[n] ?? []);

async function scored(page: Page): Promise<void> {
  await page.getByTestId('open-sample').click();
  await finished(page);
}

/**
 * The scores that the table shows for a criterion, against expected ones; four digits are shown.
 */
async function expectScores(page: Page, name: string, scores: readonly number[]): Promise<void> {
  for (const [block, score] of scores.entries()) {
    const shown = Number(
      ((await page.getByTestId(`score-${name}/${block}`).textContent()) ?? '').replace(/,/g, ''),
    );
    expect(Math.abs(shown / score - 1), `${name} of block ${block}`).toBeLessThan(1e-3);
  }
}

async function expectRemoved(page: Page, blocks: readonly number[]): Promise<void> {
  await expect
    .poll(() => planFromHash(new URL(page.url()).hash))
    .toEqual([...blocks].sort((a, b) => a - b));
}

async function expectNoObstacles(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(
    violations.filter((v) => v.impact === 'serious' || v.impact === 'critical').map((v) => v.id),
  ).toEqual([]);
}

test('criteria: scores, correlation, and orders that the plan takes', async ({ app: page }) => {
  await scored(page);
  await workspace(page, 'compare');
  // What it takes is said before it begins.
  await expect(page.getByTestId('compare-cost')).toContainText(
    /takes the gradient of the original on the windows \(up to [\d.]+ MB of memory\), (about|a few)/,
  );
  await page.getByTestId('compare-criteria').click();
  await expect(page.getByTestId('criterion-mag-l1')).toBeVisible();
  await expect(page.getByTestId('rank-chart')).toBeVisible();
  await page.getByText('All scores and ranks').click();
  await expectScores(page, 'mag-l1', expected.mag_l1_linear);
  await expectScores(page, 'mag-l2', expected.mag_l2_linear);
  await expectScores(page, 'taylor', expected.taylor_abs_wg_linear);
  await expectScores(page, 'block-influence', expected.block_influence);
  await expectScores(page, 'angular', angular[0] ?? []);
  for (const [name, scores] of [
    ['mag-l1', expected.mag_l1_linear],
    ['taylor', expected.taylor_abs_wg_linear],
    ['block-influence', expected.block_influence],
  ] as const)
    await expect(page.getByTestId(`spearman-${name}`)).toHaveText(
      (spearman(expected.loo_nll, scores) ?? 0).toFixed(2),
    );
  await page.getByTestId('criteria-norms').check();
  await expectScores(page, 'mag-l1', expected.mag_l1_with_norms);
  await expectScores(page, 'taylor', expected.taylor_abs_wg_with_norms);
  await page.getByTestId('criteria-norms').uncheck();

  // A plan of the lowest follows the order that is made the current one.
  await page.getByTestId('drop-count').fill('3');
  await expectRemoved(page, criterionOrder(expected.loo_nll).slice(0, 3));
  await page.getByTestId('use-mag-l1').click();
  await expectRemoved(page, criterionOrder(expected.mag_l1_linear).slice(0, 3));
  await expect(page.getByTestId('order-by')).toHaveValue('mag-l1');
  await page.getByTestId('use-taylor').click();
  await expectRemoved(page, [1, 2, 3]);
  // The session is there again after the gradients: the plan is measured.
  await expect(page.getByTestId('ppl-pruned')).toHaveAttribute('data-stale', 'false');
  await page.getByTestId('order-by').selectOption('angular');
  const best = bestWindow(angular, 3)?.first ?? -1;
  await expectRemoved(page, [best, best + 1, best + 2]);
  await page.getByTestId('angular-span').fill('3');
  await expect(page.getByTestId('best-span')).toContainText(`best: blocks ${best} to ${best + 2}`);

  // Locks are what makes magnitude Mag+.
  await page.getByTestId('use-mag-l1').click();
  await page.getByTestId('lock-ends').check();
  await expect(page.getByTestId('criteria-locks')).toContainText(
    'Mag L1 and Mag L2 are Mag+, Taylor is Taylor+',
  );
  await page.getByTestId('drop-count').fill('2');
  await expectRemoved(
    page,
    criterionOrder(expected.mag_l1_linear, [0, 1, 2, 3, 14, 15]).slice(0, 2),
  );
  await page.getByTestId('criteria-view').selectOption('block-influence');
  await expect(page.getByTestId('rank-chart')).toHaveAttribute(
    'aria-label',
    /^Block Influence over the blocks: lowest for block 2,/,
  );
  await expectNoObstacles(page);

  const exported = await exportZip(page);
  try {
    const { study } = JSON.parse(text(exported.files.get('espalier.json')));
    const names = study.criteria.map(({ name }: { name: string }) => name);
    const expectedNames = [
      'ppl',
      'mag-l1',
      'mag-l1-norms',
      'mag-l2',
      'mag-l2-norms',
      'taylor',
      'taylor-norms',
      'block-influence',
      'angular-1',
      'angular-3',
    ];
    expect(names.filter((name: string) => expectedNames.includes(name))).toEqual(expectedNames);
    for (const [name, scores] of [
      ['taylor', expected.taylor_abs_wg_linear],
      ['taylor-norms', expected.taylor_abs_wg_with_norms],
    ] as const) {
      const found = study.criteria.find((one: { name: string }) => one.name === name);
      for (const [block, score] of scores.entries())
        expect(Math.abs(found.scores[block] / score - 1), `${name} of block ${block}`).toBeLessThan(
          1e-5,
        );
      expect(found.order).toEqual(criterionOrder(scores));
    }
  } finally {
    exported.remove();
  }
});

test('the calibration study: runs are kept, the curve and its windows stay', async ({
  app: page,
}) => {
  await scored(page);
  const on = await page.getByTestId('measured-on').textContent();
  await page.getByTestId('drop-count').fill('3');
  await expect(page.getByTestId('ppl-pruned')).toHaveAttribute('data-stale', 'false');
  const before = await page.getByTestId('ppl-pruned').textContent();
  // The runs of the study are on shorter windows than the curve.
  await page.getByTestId('settings').click();
  await page.getByTestId('length').fill('32');
  await page.keyboard.press('Escape');
  await workspace(page, 'compare');
  await page.getByTestId('study-seeds').fill('2');
  await expect(page.getByTestId('study-estimate')).toContainText(/2 runs, (about|a few seconds)/);
  await page.getByTestId('study-start').click();
  await expect(page.getByTestId('stability-run')).toContainText('Run 2 of 2: 10 windows, seed 1', {
    timeout: 200_000,
  });
  await page.getByTestId('stability-cancel').click();
  await expect(page.getByTestId('study-start')).toBeVisible();
  // The run that was done is kept.
  await expect(page.getByTestId('study-estimate')).toContainText('1 run, 1 of 2 are done');
  await expect(page.getByTestId('study-agreement')).toContainText('Spearman between 2 runs', {
    useInnerText: true,
  });
  await page.getByTestId('study-start').click();
  await expect(page.getByTestId('study-agreement')).toContainText('Spearman between 3 runs', {
    useInnerText: true,
    timeout: 200_000,
  });
  await expect(page.getByTestId('study-estimate')).toContainText('All these runs are done');
  await expect(page.getByTestId('stability-7')).toContainText(/\d of 3 runs/);
  await expect(page.getByTestId('within-noise')).toContainText('30 windows');

  // Taylor has a study of its own beside it.
  await page.getByTestId('study-criterion').selectOption('taylor');
  await expect(page.getByTestId('study-estimate')).toContainText('2 runs');
  await page.getByTestId('study-start').click();
  await expect(page.getByTestId('study-agreement')).toContainText('Spearman between 2 runs', {
    useInnerText: true,
    timeout: 200_000,
  });
  await page.getByTestId('study-criterion').selectOption('ppl');
  await expect(page.getByTestId('study-agreement')).toContainText('Spearman between 3 runs', {
    useInnerText: true,
  });

  // The order of the study is one click away, and is one of the orders from then on.
  await page.getByTestId('use-study').click();
  await expect(page.getByTestId('order-by')).toHaveValue('study');
  await expect(page.getByTestId('kept-count')).toContainText('13 of 16 kept');
  await page.getByTestId('order-by').selectOption('ppl');
  await expect(page.getByTestId('ppl-pruned')).toHaveAttribute('data-stale', 'false');

  // What is measured now is still on the windows of the curve.
  await expect(page.getByTestId('measured-on')).toHaveText(on ?? '');
  await expect(page.getByTestId('ppl-pruned')).toHaveText(before ?? '');
  await page.getByTestId('drop-count').fill('1');
  await expect(page.getByTestId('ppl-pruned')).toHaveAttribute('data-stale', 'false');
  const shown = Number(await page.getByTestId('ppl-pruned').textContent());
  const least = expected.loo_nll[criterionOrder(expected.loo_nll)[0] ?? 0] ?? 0;
  expect(Math.abs(shown / Math.exp(least) - 1)).toBeLessThan(1e-3);
  await expectNoObstacles(page);
});
