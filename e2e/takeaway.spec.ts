// What can be taken away from the built page: files of a panel, figures, the report of a study. Each
// is read again outside the page, and its numbers are those on screen.

import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import AxeBuilder from '@axe-core/playwright';
import type { Browser, Page } from '@playwright/test';
import { expect, finished, golden, openScored, test } from './app.ts';

const expected = golden<{ baseline_ppl: number; loo_ppl: number[] }>('sample');

async function scored(page: Page): Promise<void> {
  await page.getByTestId('open-sample').click();
  await finished(page);
}

/** Saves through the menu of a panel; the file's name, and where it lies. */
async function save(page: Page, panel: string, item: string) {
  await page.getByTestId(`take-${panel}`).click();
  const started = page.waitForEvent('download');
  await page.getByTestId(`take-${item}`).click();
  const download = await started;
  const name = download.suggestedFilename();
  const path = test.info().outputPath(name);
  await download.saveAs(path);
  return { name, path };
}

/** Opens a file of the disk in a browser of its own; what it asks for or complains about. */
async function openFile(
  browser: Browser,
  path: string,
): Promise<{ viewer: Page; faults: string[] }> {
  const viewer = await (await browser.newContext()).newPage();
  const faults: string[] = [];
  viewer.on('request', (request) => {
    if (!request.url().startsWith('file:')) faults.push(request.url());
  });
  viewer.on('console', (message) => faults.push(message.text()));
  viewer.on('pageerror', (error) => faults.push(error.message));
  await viewer.goto(pathToFileURL(path).href);
  return { viewer, faults };
}

const dated = (what: string, extension: string) =>
  new RegExp(`^sample-${what}-\\d{8}\\.${extension}$`);

test('what one curve gives: tables, figures, a report', async ({ app: page, browser }) => {
  await scored(page);
  await test.step('tables: CSV and JSON with the numbers on screen', () => tables(page));
  await test.step('figures: SVG on its own, PNG of twice its size, light on a dark page', () =>
    figures(page, browser));
  await test.step('the report opens from a file, loads nothing, has the numbers of the page', () =>
    report(page, browser));
});

async function tables(page: Page): Promise<void> {
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  const csv = await save(page, 'importance', 'importance-saveCsv');
  expect(csv.name).toMatch(dated('importance', 'csv'));
  const text = readFileSync(csv.path, 'utf8');
  const rows = text
    .trimEnd()
    .split('\r\n')
    .map((line) => line.split(','));
  expect(rows[0]?.slice(0, 3)).toEqual(['block', 'nll_nats', 'ppl']);
  expect(rows.length).toBe(17);
  for (const [block, ppl] of expected.loo_ppl.entries())
    expect(Math.abs(Number(rows[block + 1]?.[2]) / ppl - 1)).toBeLessThan(1e-3);

  await page.getByTestId('take-importance').click();
  await page.getByTestId('take-importance-copyCsv').click();
  await expect(page.getByText('Copied as CSV: Importance of blocks.').first()).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(text);

  const json = await save(page, 'importance', 'importance-saveJson');
  const file = JSON.parse(readFileSync(json.path, 'utf8'));
  expect(file).toMatchObject({
    format: 'espalier-data',
    version: 1,
    what: 'importance',
    model: { name: 'sample', numBlocks: 16 },
    settings: { text: 'bundled', windows: 10, length: 128 },
    device: { kind: 'wasm' },
  });
  expect(file.rows.map(({ ppl }: { ppl: number }) => String(ppl))).toEqual(
    rows.slice(1).map((row) => row[2]),
  );
}

async function figures(page: Page, browser: Browser): Promise<void> {
  await page.emulateMedia({ colorScheme: 'dark' });
  const svg = await save(page, 'importance', 'importance-saveSvg');
  expect(svg.name).toMatch(dated('importance', 'svg'));
  const text = readFileSync(svg.path, 'utf8');
  for (const words of [
    'Importance of blocks',
    'perplexity without the block (logarithmic scale)',
    '10 windows × 128 tokens, bundled text, CPU (wasm)',
    'original 41.26',
    '5,886',
  ])
    expect(text).toContain(words);
  expect(text).not.toMatch(/var\(|class=|style=|color-mix|href/);
  // The card of the light scheme.
  expect(text).toContain('fill="#fffdf8"');

  // Another viewer: the file alone, parsed as XML.
  const { viewer, faults } = await openFile(browser, svg.path);
  const seen = await viewer.evaluate(() => {
    const root = document.documentElement;
    return {
      name: root.localName,
      size: [root.getAttribute('width'), root.getAttribute('height')].map(Number),
      points: root.querySelectorAll('circle').length,
      texts: root.querySelectorAll('text').length,
    };
  });
  expect(seen.name).toBe('svg');
  // A point for each block but the one off the scale, and those of the legend.
  expect(seen.points).toBeGreaterThanOrEqual(15);
  expect(seen.texts).toBeGreaterThan(30);
  expect(faults).toEqual([]);
  await viewer.close();

  const png = readFileSync((await save(page, 'importance', 'importance-savePng')).path);
  expect(png.subarray(1, 4).toString()).toBe('PNG');
  expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual(seen.size.map((size) => 2 * size));
  // Nearly all of one colour would be an empty drawing: that compresses to almost nothing.
  expect(png.length).toBeGreaterThan(15_000);
}

async function report(page: Page, browser: Browser): Promise<void> {
  await page.getByTestId('drop-count').fill('4');
  await expect(page.getByTestId('ppl-pruned').first()).toHaveAttribute('data-stale', 'false');
  const pruned = await page.getByTestId('ppl-pruned').first().textContent();
  await page.keyboard.press('Escape');
  await page.locator('h1').click();
  await page.keyboard.press('r');
  await page.getByTestId('report-note').fill('Why? <script>alert(1)</script>');
  await expect(page.getByTestId('report-missing')).toContainText('Step by step');
  const started = page.waitForEvent('download');
  await page.getByTestId('report-save').click();
  const download = await started;
  expect(download.suggestedFilename()).toMatch(dated('report', 'html'));
  await expect(page.getByTestId('report-dialog')).toHaveCount(0);

  const path = test.info().outputPath('report.html');
  await download.saveAs(path);
  const { viewer, faults } = await openFile(browser, path);
  await expect(viewer.getByRole('heading', { level: 1 })).toHaveText('Pruning sample by depth');
  await expect(viewer.locator('blockquote')).toHaveText('Why? <script>alert(1)</script>');
  await expect(viewer.locator('.cards')).toContainText(pruned ?? '');
  await expect(viewer.locator('#importance svg text').first()).toBeVisible();
  await expect(viewer.locator('#importance tbody tr')).toHaveCount(16);
  await expect(viewer.locator('#importance tbody tr').first()).toContainText('5,886');
  await expect(viewer.locator('#search')).toHaveCount(0);
  for (const colorScheme of ['light', 'dark'] as const) {
    await viewer.emulateMedia({ colorScheme });
    const { violations } = await new AxeBuilder({ page: viewer }).analyze();
    expect(violations.map(({ id }) => id)).toEqual([]);
  }
  expect(faults).toEqual([]);
  await viewer.close();
}

test('the menu by keyboard alone, and the focus back on its button', async ({ app: page }) => {
  await openScored(page);
  const button = page.getByTestId('take-importance');
  await button.focus();
  await expect(button).toHaveAttribute('aria-expanded', 'false');
  await page.keyboard.press('ArrowDown');
  await expect(button).toHaveAttribute('aria-expanded', 'true');
  const focused = page.locator(':focus');
  await expect(focused).toHaveText('Copy as CSV');
  await page.keyboard.press('ArrowUp');
  await expect(focused).toHaveText('Save PNG');
  await page.keyboard.press('Home');
  await page.keyboard.press('s');
  await expect(focused).toHaveText('Save CSV');
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id }) => id)).toEqual([]);
  await page.keyboard.press('Escape');
  await expect(page.getByTestId('take-menu-importance')).toHaveCount(0);
  await expect(button).toBeFocused();
});

test('a browser that does not let the page copy is answered', async ({ app: page }) => {
  await openScored(page);
  await page.evaluate(() => {
    Object.defineProperty(navigator, 'clipboard', { value: undefined });
    document.execCommand = () => false;
  });
  await page.getByTestId('take-importance').click();
  await page.getByTestId('take-importance-copyCsv').click();
  await expect(page.getByText('did not let this page copy').first()).toBeVisible();
});
