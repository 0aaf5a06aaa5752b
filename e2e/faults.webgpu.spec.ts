// The device is lost while the page scores on WebGPU: it is said, and one click scores again with
// the plan as it was.

import { expect, finished, giveWindows, golden, measureByHand, test, useWebgpu } from './app.ts';

declare global {
  /** Devices that the engine was given, kept by the test. */
  var devicesOfTest: GPUDevice[];
}

/** Put before the worker's own code: it keeps every device that it is given. */
const KEEPING = `{
  globalThis.devicesOfTest = [];
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (...args) {
    const device = await requestDevice.apply(this, args);
    globalThis.devicesOfTest.push(device);
    return device;
  };
}`;

test('the device is lost while it scores: one click scores again, the plan is kept', async ({
  app: page,
}) => {
  await page.context().route('**/assets/studio-*.js', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `${KEEPING};${await response.text()}` });
  });
  await page.reload();
  await page.getByTestId('open-sample').click();
  // The sample is scored at once, on what is faster: the CPU.
  await page.getByTestId('cancel').click();
  await expect(page.getByTestId('cancel')).toBeHidden();
  await useWebgpu(page);
  await measureByHand(page);
  const [window = []] = golden<{ windows: number[][] }>('sample').windows;
  await giveWindows(page, [window.slice(0, 16)]);
  await page.getByTestId('score').click();
  await expect(page.getByTestId('progress')).toContainText(/block \d+ of/, {
    timeout: 200_000,
  });
  await page.getByTestId('block-2').uncheck();
  // A worker that took too long to stop was replaced by another.
  const worker = page.workers().findLast((one) => one.url().includes('studio'));
  const lost = await worker?.evaluate(() => {
    for (const device of globalThis.devicesOfTest) device.destroy();
    return globalThis.devicesOfTest.length;
  });
  expect(lost).toBeGreaterThan(0);
  await expect(page.getByTestId('error-score')).toContainText(
    'The GPU was lost while it was working.',
  );
  await expect(page.getByTestId('remedy-score')).toHaveText('Score again');
  await page.getByTestId('remedy-score').click();
  await finished(page);
  await expect(page.getByTestId('measured-on')).toContainText('WebGPU');
  await expect(page.getByTestId('error-score')).toBeHidden();
  await expect(page.getByTestId('block-2')).not.toBeChecked();
});
