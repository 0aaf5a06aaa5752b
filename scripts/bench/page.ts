// The built page in Chromium: seconds from "Try the sample" to the curve, long tasks of the main
// thread, seconds from a click to the perplexity, and to a quantised plan.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Page } from '@playwright/test';
import { build } from 'vite';
import { ensureBrowser } from '../browser.mjs';
import { serve } from '../serve.mjs';
import { benchFirstPage, type FirstPages } from './firstPage.ts';

/** A task of at least 50 ms on the page's thread, in ms since the page started. */
interface LongTask {
  start: number;
  duration: number;
}

interface Phase {
  name: string;
  /** Long tasks. */
  tasks: number;
  longestMs: number;
  /** Most processor time of one task: what is left of it on a machine that does nothing else. */
  longestProcessorMs: number;
}

/** An entry of the layout shifts of a page, which TypeScript does not know. */
interface LayoutShift extends PerformanceEntry {
  value: number;
  hadRecentInput: boolean;
}

/** A task on the page's thread from Chromium's trace; times in ms, `at` since the page started. */
interface TracedTask {
  at: number;
  processor: number;
}

export interface PageRow {
  browser: string;
  first: FirstPages;
  device: string;
  secondsToFirstPoint: number;
  secondsToCurve: number;
  /** Seconds from a click on a block to the measured perplexity of the new plan. */
  secondsToPlan: number[];
  /** Of that plan, by method, with what is measured of it. */
  secondsToQuantise: Record<string, number>;
  phases: Phase[];
  longestMs: number;
  longestProcessorMs: number;
  /** Shifts of the layout that no input caused, from the first page to the last plan. */
  layoutShift: number;
  /** And from there to the last outcome, which takes the place of the form; information. */
  shiftOfQuantising: number;
  /**
   * Limits: the first page in 557 kB, or no heavier than the older version given; 2.5 s to the first
   * point; 1 s to the perplexity of a plan; 50 ms of one task once the page is there, in processor
   * time, since other work of the machine adds to the rest; a layout shift of 0.02.
   */
  ok: boolean;
}

/** The first page of 0.3.0. */
const BYTES_LIMIT = 557_000;
const FIRST_POINT_LIMIT_S = 2.5;
const PLAN_LIMIT_S = 1;
const BLOCKING_LIMIT_MS = 50;
const SHIFT_LIMIT = 0.02;
const WAIT = { timeout: 240_000 };

/**
 * Builds the page into a scratch folder, serves it under a sub-path and uses it as a person would.
 */
export async function benchPage(
  root: string,
  { before }: { before?: string | undefined },
): Promise<PageRow> {
  const scratch = mkdtempSync(join(tmpdir(), 'espalier-page-'));
  await build({ root, logLevel: 'error', build: { outDir: scratch, emptyOutDir: true } });
  const server = await serve(scratch, { base: '/espalier/' });
  const browser = await chromium.launch({
    executablePath: ensureBrowser(),
    args: [
      '--no-sandbox',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
    ],
  });
  try {
    // What is kept for later visits is fetched after the first page and is no part of it.
    const page = await browser.newPage({
      viewport: { width: 1440, height: 900 },
      serviceWorkers: 'block',
    });
    const used = await use(page, server.url);
    const first = await benchFirstPage(browser, before ? [scratch, before] : [scratch]);
    const isLight = first.now.bytes <= (first.before?.bytes ?? BYTES_LIMIT);
    return { browser: browser.version(), first, ...used, ok: used.ok && isLight };
  } finally {
    await browser.close();
    await server.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}

interface TraceEvent {
  name: string;
  ph: string;
  pid: number;
  tid: number;
  ts: number;
  tdur?: number;
  args?: { name?: string };
}

/**
 * Traces the tasks of the page's thread until the returned function is called. `mark` is a
 * performance.mark of the page with its time there.
 */
async function traceTasks(
  page: Page,
): Promise<(mark: { name: string; at: number }) => Promise<TracedTask[]>> {
  const session = await page.context().newCDPSession(page);
  const events: TraceEvent[] = [];
  session.on('Tracing.dataCollected', ({ value }) => {
    for (const event of value as unknown[]) events.push(event as TraceEvent);
  });
  await session.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: { includedCategories: ['toplevel', 'blink.user_timing'] },
  });
  return async (mark) => {
    const complete = new Promise<void>((resolve) =>
      session.once('Tracing.tracingComplete', () => resolve()),
    );
    await session.send('Tracing.end');
    await complete;
    const marked = events.find((event) => event.name === mark.name);
    if (!marked) throw new Error('the trace has no mark of the page');
    const zero = marked.ts / 1000 - mark.at;
    return events
      .filter(
        (event) =>
          event.ph === 'X' &&
          event.pid === marked.pid &&
          event.tid === marked.tid &&
          event.tdur !== undefined,
      )
      .map((event) => ({ at: event.ts / 1000 - zero, processor: event.tdur! / 1000 }));
  };
}

function shiftSoFar(page: Page): Promise<number> {
  return page.evaluate(() =>
    (globalThis as typeof globalThis & { shifts: number[] }).shifts.reduce((sum, x) => sum + x, 0),
  );
}

async function use(page: Page, url: string): Promise<Omit<PageRow, 'browser' | 'first'>> {
  await page.addInitScript(() => {
    const tasks: LongTask[] = [];
    Object.assign(globalThis, { longTasks: tasks });
    new PerformanceObserver((list) => {
      for (const { startTime, duration } of list.getEntries())
        tasks.push({ start: startTime, duration });
    }).observe({ type: 'longtask', buffered: true });
    const shifts: number[] = [];
    Object.assign(globalThis, { shifts });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as LayoutShift[])
        if (!entry.hadRecentInput) shifts.push(entry.value);
    }).observe({ type: 'layout-shift', buffered: true });
  });
  const now = (): Promise<number> => page.evaluate(() => performance.now());
  const stopTrace = await traceTasks(page);
  await page.goto(url);
  await page.getByTestId('open-sample').waitFor(WAIT);
  await page.waitForLoadState('networkidle');

  const mark = {
    name: 'espalier-bench',
    at: await page.evaluate(() => performance.mark('espalier-bench').startTime),
  };

  const clicked = await now();
  await page.getByTestId('open-sample').click();
  await page
    .locator('[data-testid="importance-chart"] [data-block] :is(circle, path)')
    .first()
    .waitFor(WAIT);
  const first = await now();
  await page.getByTestId('measured-on').waitFor(WAIT);
  const scored = await now();

  const secondsToPlan: number[] = [];
  for (const block of [7, 9, 8]) {
    const before = await now();
    await page.getByTestId(`block-${block}`).click();
    const shown = page.locator('[data-testid="ppl-pruned"]:not([data-stale="true"])', {
      hasText: /\d/,
    });
    await page.waitForTimeout(60);
    await shown.waitFor(WAIT);
    secondsToPlan.push(((await now()) - before) / 1000);
  }
  const planned = await now();
  const layoutShift = await shiftSoFar(page);

  // Without calibration text, and with: both measure the outcome on two texts.
  await page.getByTestId('tab-quantise').click();
  const secondsToQuantise: Record<string, number> = {};
  for (const method of ['rtn', 'gptq']) {
    await page.getByTestId(`quantise-${method}`).check();
    const before = await now();
    await page.getByTestId('quantise-start').click();
    const outcome = page.getByTestId('quantise-outcome');
    await outcome.filter({ hasText: method.toUpperCase() }).waitFor(WAIT);
    secondsToQuantise[method] = ((await now()) - before) / 1000;
  }
  const end = await now();

  const tasks = await page.evaluate(
    () => (globalThis as typeof globalThis & { longTasks: LongTask[] }).longTasks,
  );
  const shiftOfQuantising = (await shiftSoFar(page)) - layoutShift;
  const traced = await stopTrace(mark);
  const phase = (name: string, from: number, to: number): Phase => {
    const inside = tasks.filter((task) => task.start >= from && task.start < to);
    return {
      name,
      tasks: inside.length,
      longestMs: Math.max(0, ...inside.map((task) => task.duration)),
      longestProcessorMs: traced.reduce(
        (most, task) => (task.at >= from && task.at < to ? Math.max(most, task.processor) : most),
        0,
      ),
    };
  };
  const phases = [
    phase('loading the page', 0, clicked),
    phase('sample to first point', clicked, first),
    phase('growing curve', first, scored),
    phase('changing the plan', scored, planned),
    phase('quantising', planned, end),
  ];
  const longestMs = Math.max(...phases.slice(1).map((p) => p.longestMs));
  const longestProcessorMs = Math.max(...phases.slice(1).map((p) => p.longestProcessorMs));
  const secondsToFirstPoint = (first - clicked) / 1000;
  return {
    device: (await page.getByTestId('device-chip').textContent()) ?? '',
    secondsToFirstPoint,
    secondsToCurve: (scored - clicked) / 1000,
    secondsToPlan,
    secondsToQuantise,
    phases,
    longestMs,
    longestProcessorMs,
    layoutShift,
    shiftOfQuantising,
    ok:
      secondsToFirstPoint < FIRST_POINT_LIMIT_S &&
      Math.max(...secondsToPlan) < PLAN_LIMIT_S &&
      longestProcessorMs < BLOCKING_LIMIT_MS &&
      layoutShift < SHIFT_LIMIT,
  };
}
