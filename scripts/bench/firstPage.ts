// The first page of a built site: bytes until nothing more is asked for, and the first contentful
// paint; of one version, or of two in turn.

import type { Browser } from '@playwright/test';
import { serve } from '../serve.mjs';

interface FirstPageRow {
  /** Bytes of all responses until the network is idle, nothing compressed. */
  bytes: number;
  /** Median of the first contentful paints, ms. */
  firstPaintMs: number;
}

export interface FirstPages {
  now: FirstPageRow;
  /** Of an older version, loaded in turn with this one; null when none was given. */
  before: FirstPageRow | null;
}

const LOADS = 9;

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

async function load(browser: Browser, url: string): Promise<number> {
  // A fresh context has an empty cache.
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    serviceWorkers: 'block',
  });
  try {
    const page = await context.newPage();
    await page.goto(url);
    await page.waitForLoadState('networkidle');
    return await page.evaluate(
      () => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Number.NaN,
    );
  } finally {
    await context.close();
  }
}

/** @param folders built pages: this version, and perhaps an older one */
export async function benchFirstPage(
  browser: Browser,
  folders: readonly [string, ...string[]],
): Promise<FirstPages> {
  const sites = await Promise.all(
    folders.map(async (folder) => ({
      server: await serve(folder, { base: '/espalier/' }),
      paints: [] as number[],
      bytes: 0,
    })),
  );
  for (let round = 0; round < LOADS; round++) {
    for (const site of sites) {
      const before = site.server.bytesSent();
      site.paints.push(await load(browser, site.server.url));
      site.bytes = site.server.bytesSent() - before;
    }
  }
  await Promise.all(sites.map(({ server }) => server.close()));
  const [now, before] = sites.map(({ bytes, paints }) => ({ bytes, firstPaintMs: median(paints) }));
  return { now: now!, before: before ?? null };
}
