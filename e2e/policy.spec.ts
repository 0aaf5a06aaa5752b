// The Content-Security-Policy of the built page: the whole job runs under it, and what a hostile
// model or script would try does not.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test as bare, type Page } from '@playwright/test';
import { PLAIN, residualModel } from '../src/model/testing/residual.ts';
import { encodeModel } from '../src/onnx/codec.ts';
import { drop, expect, exportZip, finished, test } from './app.ts';

const POLICY =
  "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' blob:; object-src " +
  "'none'; base-uri 'none'; form-action 'none'";
/** Another origin that answers: the server of the runtime checks. */
const ELSEWHERE = 'http://127.0.0.1:4174/e2e/runtime.html';

declare global {
  interface Window {
    violations: string[];
    marked?: boolean;
  }
}

const collectViolations = (): void => {
  window.violations = [];
  document.addEventListener('securitypolicyviolation', (event) => {
    window.violations.push(`${event.effectiveDirective} ${event.blockedURI}`);
  });
};

/**
 * The host sends the policy with the scripts too, as docs/formats.md asks: a worker has no other.
 */
async function policyFromHost(page: Page): Promise<void> {
  const policy =
    (await page.locator('meta[http-equiv="Content-Security-Policy"]').getAttribute('content')) ??
    '';
  expect(policy).toBe(POLICY);
  await page.context().route(/\/assets\/.*\.js$/, async (route) => {
    const response = await route.fetch();
    // The body is read at once: a test that ends meanwhile takes the response with it.
    const body = await response.body();
    await route.fulfill({
      response,
      body,
      headers: { ...response.headers(), 'content-security-policy': policy },
    });
  });
  await page.addInitScript(collectViolations);
  await page.reload();
}

// What a page still loads must not come to a handler when it is closed.
bare.afterEach(({ page }) => page.context().unrouteAll({ behavior: 'ignoreErrors' }));

test('the sample is scored, pruned and exported under the policy, workers included', async ({
  app: page,
}) => {
  await policyFromHost(page);
  await page.getByTestId('open-sample').click();
  await page.getByTestId('cancel').click();
  await page.getByTestId('score-quick').click();
  await finished(page);
  await page.getByTestId('drop-count').fill('2');
  await expect(page.getByTestId('ppl-pruned')).toHaveAttribute('data-stale', 'false');
  const exported = await exportZip(page);
  exported.remove();
  expect(exported.files.size).toBeGreaterThan(5);
  expect(await page.evaluate(() => window.violations)).toEqual([]);
});

bare('a worker reaches no other origin when the host sends the policy', async ({ page }) => {
  await page.goto('./');
  await policyFromHost(page);
  await page.getByTestId('open-sample').click();
  await expect(page.getByTestId('model-chip')).toContainText('16 blocks');
  const worker = page.workers().find((w) => w.url().includes('studio'));
  const reached = await worker?.evaluate(
    (url) =>
      fetch(url, { mode: 'no-cors' }).then(
        () => 'fetched',
        () => 'blocked',
      ),
    ELSEWHERE,
  );
  expect(reached).toBe('blocked');
});

bare('scripts inside the page, evaluated text and other origins are blocked', async ({ page }) => {
  await page.addInitScript(collectViolations);
  await page.goto('./');
  const reached = await page.evaluate(async (url) => {
    const script = document.createElement('script');
    script.textContent = 'window.marked = true';
    document.body.append(script);
    document.body.insertAdjacentHTML('beforeend', '<img src="x" onerror="window.marked = true">');
    const image = document.createElement('img');
    image.src = `${url}?image`;
    document.body.append(image);
    const frame = document.createElement('iframe');
    frame.src = url;
    document.body.append(frame);
    const text = await fetch(url, { mode: 'no-cors' }).then(
      () => 'fetched',
      () => 'blocked',
    );
    // Later than the call from the test, in which the browser lets evaluation pass.
    await new Promise((done) => setTimeout(done, 500));
    let evaluated = 'blocked';
    try {
      evaluated = String(new Function('return 1')());
    } catch {
      // As it should be.
    }
    return { marked: window.marked ?? false, text, evaluated };
  }, ELSEWHERE);
  expect(reached).toEqual({ marked: false, text: 'blocked', evaluated: 'blocked' });
  const violations = (await page.evaluate(() => window.violations)).map((v) => v.split(' ')[0]);
  expect(new Set(violations)).toEqual(
    new Set([
      'script-src-elem',
      'script-src-attr',
      'img-src',
      'frame-src',
      'connect-src',
      'script-src',
    ]),
  );
});

test('markup in the names and texts of a model stays text', async ({ app: page }) => {
  const markup = '<img src=x onerror=window.marked=true>';
  const root = mkdtempSync(join(tmpdir(), 'espalier-'));
  const folder = join(root, markup);
  mkdirSync(folder);
  try {
    const model = residualModel(PLAIN);
    // A value of block 1 that the graph gives out: the page names it where it says why the block
    // stays.
    const inner = model.graph.nodes.find((node) => node.outputs[0] === 'u1');
    for (const node of model.graph.nodes)
      node.inputs = node.inputs.map((x) => (x === 'u1' ? markup : x));
    if (inner) inner.outputs = [markup];
    model.graph.outputs.push({ name: markup, type: 1, dims: null });
    writeFileSync(
      join(folder, 'model.onnx'),
      encodeModel(model, (_, range) => new Uint8Array(range.length)),
    );
    writeFileSync(
      join(folder, 'config.json'),
      JSON.stringify({ model_type: markup, num_hidden_layers: 3 }),
    );
    const tokenizer = {
      normalizer: { type: markup },
      model: { type: markup, vocab: { [markup]: 0 } },
      added_tokens: [{ id: 1, content: markup }],
    };
    writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
    await drop(page, folder);
    await expect(page.getByTestId('model-chip')).toContainText('3 blocks');
    await expect(
      page.getByText(`The graph output ${markup} is computed inside block 1`).first(),
    ).toBeVisible();
    await page.getByTestId('score').click();
    await expect(
      page.getByText(`tokenizer.json uses the normalizer ${markup}`).first(),
    ).toBeVisible();
    expect(
      await page.evaluate(() => [document.querySelectorAll('img').length, window.marked ?? false]),
    ).toEqual([0, false]);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
