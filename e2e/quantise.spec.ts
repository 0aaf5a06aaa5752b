// Quantising in the built page: a plan of the sample in 4 bits, its losses those of the golden, its
// export verified; and mixed precision: sensitivities, a matrix set by hand, back after a reload.

import { drop, expect, exportZip, fixture, openSample, test, text, workspace } from './app.ts';

/**
 * Perplexities of the ten golden windows without blocks 2, 7, 8 and 9, by PyTorch on the bytes of
 * ONNX Runtime's quantiser: exp of the mean NLLs `float32` and `rtn-asymmetric-32` of the golden.
 */
const GOLDEN = { original: '41.26', pruned: '49.21', quantised: '49.90' } as const;

test('a plan in 4 bits: the parts of its loss, and an export that is verified', async ({
  app: page,
}) => {
  await openSample(page);
  for (const block of [2, 7, 8, 9]) await page.getByTestId(`block-${block}`).uncheck();
  await workspace(page, 'quantise');
  await page.getByTestId('quantise-held-out').selectOption('none');
  await expect(page.getByTestId('quantise-estimate')).toContainText('9.4 MB → 2.6 MB');
  await page.getByTestId('quantise-start').click();
  for (const [step, ppl] of Object.entries(GOLDEN))
    await expect(page.getByTestId(`loss-windows-${step}`)).toContainText(ppl);
  await expect(page.getByTestId('loss-parts')).toHaveAttribute(
    'aria-label',
    /pruned \+0\.1762, quantised \+0\.0140/,
  );

  await page.getByTestId('quantise-export').click();
  await expect(page.getByTestId('dtype-q4')).toBeChecked();
  await page.keyboard.press('Escape');
  const exported = await exportZip(page);
  try {
    const paths = [...exported.files.keys()];
    expect(paths).toContain('onnx/model_q4.onnx');
    expect(paths).not.toContain('onnx/model.onnx');
    const { steps } = JSON.parse(text(exported.files.get('espalier.json')));
    expect(steps).toContainEqual(expect.objectContaining({ step: 'quantise', dtype: 'q4' }));
  } finally {
    exported.remove();
  }
});

test('mixed precision: each matrix has its sensitivity, one is set by hand, all is kept', async ({
  app: page,
}) => {
  const open = async () => {
    await drop(page, fixture('optimum-llama-fp32'));
    await expect(page.getByTestId('model-chip')).toContainText('5 blocks');
    await workspace(page, 'quantise');
  };
  await open();
  await page.getByTestId('quantise-held-out').selectOption('none');
  await page.getByTestId('mixed-bytes').check();
  await page.getByTestId('mixed-megabytes').fill('0.005');
  await page.getByTestId('quantise-start').click();
  const outcome = page.getByTestId('quantise-outcome');
  await expect(outcome).toContainText('4 bits (RTN, mixed)');
  await expect(outcome).toContainText(/[1-9] have 8 bits/);
  const chart = page.getByTestId('sensitivity-chart');
  await expect(chart).toHaveAttribute('aria-label', /Sensitivity of 35 matrices/);
  await expect(chart.locator('[data-form="8"]').first()).toBeAttached();

  await page.getByTestId('all-matrices').locator('summary').click();
  const form = page.getByRole('combobox', { name: 'Form of block 3, down' });
  await form.selectOption('float');
  await expect(chart.locator('[data-form="float"]')).toHaveCount(1);
  await expect(page.getByTestId('quantise-changed')).toBeVisible();

  await page.reload();
  await open();
  await expect(outcome).toContainText('4 bits (RTN, mixed)');
  await expect(chart).toHaveAttribute('aria-label', /Sensitivity of 35 matrices/);
});
