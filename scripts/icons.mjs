// Draws the icons of the installed page from public/favicon.svg, on the colour of the page and with
// the margin that masks of any shape need: `node scripts/icons.mjs`.

import { readFileSync } from 'node:fs';
import { chromium } from '@playwright/test';
import { ensureBrowser } from './browser.mjs';

/** The middle of the icon that no mask cuts is a circle of 80 %: a square of 56 % lies inside. */
const SHARE = 0.56;
const PAPER = '#f6f4ee';

const drawing = Buffer.from(readFileSync('public/favicon.svg')).toString('base64');
const browser = await chromium.launch({ executablePath: ensureBrowser(), args: ['--no-sandbox'] });
for (const size of [192, 512]) {
  const page = await browser.newPage({ viewport: { width: size, height: size } });
  await page.setContent(
    `<body style="margin:0;height:100vh;display:grid;place-items:center;background:${PAPER}">` +
      `<img width="${size * SHARE}" src="data:image/svg+xml;base64,${drawing}"></body>`,
  );
  await page.locator('img').evaluate((image) => image.decode());
  await page.screenshot({ path: `public/icons/icon-${size}.png` });
  await page.close();
}
await browser.close();
