// The same page on WebGPU (SwiftShader in CI): self-test, golden numbers, plan and verified export.

import type { Page } from '@playwright/test';
import {
  drop,
  expect,
  exportZip,
  finished,
  fixture,
  giveWindows,
  golden,
  measureByHand,
  test,
  text,
  useWebgpu,
  workspace,
} from './app.ts';

interface Golden {
  windows: number[][];
  baseline: { nll: number; nllPerWindow: number[] };
  blocks: { nll: number; nllPerWindow: number[] }[];
}

test('auto takes the CPU where WebGPU is software, says by how much, and remembers it', async ({
  app: page,
}) => {
  // WebGPU would take minutes for what is scored at once.
  await page.getByTestId('open-sample').click();
  await finished(page);
  await expect(page.getByTestId('measured-on')).toContainText('CPU (wasm');
  await expect(page.getByTestId('device-chip')).toHaveText('CPU (wasm), faster than WebGPU');
  await page.getByTestId('device-chip').click();
  const said = page.getByTestId('device-why');
  await expect(said).toHaveText(/^For 128 tokens, a block of this model takes .* on WebGPU and /);
  await expect(said).toHaveText(/: the CPU \(wasm\) is (at least )?[\d.]+ times as fast\.$/);
  const first = await said.textContent();
  await page.reload();
  await page.getByTestId('open-sample').click();
  await page.getByTestId('device-chip').click();
  // The same times to the digit: nothing was timed again.
  await expect(said).toHaveText(first ?? '');
});

for (const name of ['genai-llama-fp32-webgpu', 'optimum-llama-nokv']) {
  test(`${name}: scored, pruned and verified on WebGPU`, async ({ app: page }) => {
    const expected = golden<Golden>(name);
    await drop(page, fixture(name));
    await useWebgpu(page);
    await measureByHand(page);
    await giveWindows(page, expected.windows.slice(0, 2));
    await page.getByTestId('score').click();
    await finished(page);
    await expect(page.getByTestId('measured-on')).toContainText('WebGPU');
    await page.getByTestId('block-2').uncheck();
    await expect(page.getByTestId('ppl-pruned')).toHaveAttribute('data-stale', 'false');
    const exported = await exportZip(page);
    try {
      const record = JSON.parse(text(exported.files.get('espalier.json')));
      expect(record.score.device.kind).toBe('webgpu');
      expect(record.score.selfTest.passed).toBe(true);
      for (const w of [0, 1]) {
        expect(
          Math.abs(
            record.score.baseline.nllPerWindow[w] - (expected.baseline.nllPerWindow[w] ?? 0),
          ),
        ).toBeLessThan(1e-4);
        for (const [i, block] of expected.blocks.entries())
          expect(
            Math.abs(record.score.blocks[i].nllPerWindow[w] - (block.nllPerWindow[w] ?? 0)),
          ).toBeLessThan(1e-4);
      }
    } finally {
      exported.remove();
    }
    if (name === 'genai-llama-fp32-webgpu') {
      await page.keyboard.press('Escape');
      await shownSelfTest(page);
      await sideBySide(page);
    }
  });
}

/** The self-test names what it found and the route that follows from it. */
async function shownSelfTest(page: Page): Promise<void> {
  await page.getByTestId('device-chip').click();
  await expect(page.getByTestId('self-test')).toContainText('attention with subgroups');
  await expect(page.getByRole('dialog')).toContainText('device without subgroups');
  await page.keyboard.press('Escape');
}

/** Model and plan generate on WebGPU. */
async function sideBySide(page: Page): Promise<void> {
  await workspace(page, 'quality');
  await page.getByTestId('generate-panel').locator('details summary').click();
  await page.getByTestId('gen-tokens').fill('6');
  await page.getByTestId('gen-eos').uncheck();
  await page.getByTestId('generate').click();
  await expect(page.getByTestId('gen-pruned')).not.toBeEmpty();
  await expect(page.getByTestId('generate')).toBeVisible();
  await expect(page.getByTestId('generate-panel')).toContainText('6 tokens');
}
