// The device is lost while the page scores on WebGPU: it is said, and one click scores again with
// the plan as it was.

import type { Worker } from '@playwright/test';
import { expect, finished, giveWindows, golden, test } from './app.ts';

declare global {
  /** Devices that the engine was given, kept by the test. */
  var devicesOfTest: GPUDevice[];
}

/** Keeps every device that this worker is given from now on. */
function keepDevices(worker: Worker): Promise<void> {
  return worker.evaluate(() => {
    globalThis.devicesOfTest = [];
    const { requestDevice } = GPUAdapter.prototype;
    GPUAdapter.prototype.requestDevice = async function (this: GPUAdapter, ...args) {
      const device = await requestDevice.apply(this, args);
      globalThis.devicesOfTest.push(device);
      return device;
    };
  });
}

test('the device is lost while it scores: one click scores again, the plan is kept', async ({
  app: page,
}) => {
  test.setTimeout(300_000);
  const spawned = page.waitForEvent('worker');
  await page.getByTestId('open-sample').click();
  const worker = await spawned;
  await keepDevices(worker);
  // The sample is scored at once, on more windows than software renders in a test.
  await expect(page.getByTestId('device-chip')).toContainText('WebGPU', { timeout: 60_000 });
  await page.getByTestId('cancel').click();
  await expect(page.getByTestId('cancel')).toBeHidden();
  await page.getByTestId('speed-auto').uncheck();
  const [window = []] = golden<{ windows: number[][] }>('sample').windows;
  await giveWindows(page, [window.slice(0, 48)]);
  await page.getByTestId('score').click();
  await expect(page.getByTestId('progress')).toContainText('block runs', { timeout: 120_000 });
  await page.getByTestId('block-2').uncheck();
  const lost = await worker.evaluate(() => {
    for (const device of globalThis.devicesOfTest) device.destroy();
    return globalThis.devicesOfTest.length;
  });
  expect(lost).toBeGreaterThan(0);
  await expect(page.getByTestId('error-score')).toContainText(
    'The GPU was lost while it was working.',
  );
  await expect(page.getByTestId('remedy-score')).toHaveText('Score again');
  await page.getByTestId('remedy-score').click();
  await finished(page, 200_000);
  await expect(page.getByTestId('measured-on')).toContainText('WebGPU');
  await expect(page.getByTestId('error-score')).toBeHidden();
  await expect(page.getByTestId('block-2')).not.toBeChecked();
});
