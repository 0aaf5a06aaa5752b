// Decoding in a browser: Espalier against transformers.js and a bare loop, host time, the gain
// without half of the blocks, memory over ten loads.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildBenchPage, openBenchPage } from './browserRun.ts';
import { type CycleRow, cycles } from './cycles.ts';
import { type DuelRow, duels, ids12 } from './duel.ts';
import { exportSample } from './exported.ts';
import { type GainRow, gainOfHalf } from './half.ts';
import { type Check, report } from './limits.ts';

export interface DecodeRow {
  browser: string;
  /** Cross-origin isolated: clocks of 5 us, threads where the machine has cores for them. */
  isolated: boolean;
  adapter: string;
  wasm: DuelRow[];
  /** Few tokens where the adapter computes on the CPU; null without an adapter. */
  webgpu: DuelRow[] | null;
  half: GainRow;
  memory: CycleRow;
  checks: Check[];
  ok: boolean;
}

export interface DecodeOptions {
  /** Compare on WebGPU too, on an adapter that computes on the CPU when there is no other. */
  webgpu: boolean;
}

const WASM = { device: 'wasm', tokens: 128, sittings: 3, warmups: 3, rounds: 8, turns: 3 } as const;
const WEBGPU = { ...WASM, device: 'webgpu' } as const;
const SOFTWARE = {
  device: 'webgpu',
  tokens: 12,
  sittings: 1,
  warmups: 1,
  rounds: 3,
  turns: 1,
} as const;

/**
 * Exports the sample, builds and serves the bench's page, and measures everything in one browser.
 */
export async function benchDecode(root: string, options: DecodeOptions): Promise<DecodeRow> {
  const site = mkdtempSync(join(tmpdir(), 'espalier-decode-'));
  try {
    await buildBenchPage(root, site);
    const served = await exportSample(root, join(site, 'models'));
    const golden = JSON.parse(
      readFileSync(join(root, 'e2e/fixtures/golden/sample.json'), 'utf8'),
    ) as {
      prompt_ids: number[];
      ppl_order: number[];
    };
    const prompt = ids12(golden.prompt_ids);
    const run = await openBenchPage(site, options.webgpu);
    try {
      const { page } = run;
      const adapter = await page.evaluate(() => window.espalierBench.adapter());
      const fp32 = served[0]!;
      // Memory first: afterwards the browser keeps what the other parts loaded.
      console.error('  ten loads');
      const memory = await cycles(run, fp32, golden.ppl_order);
      console.error('  half of the blocks');
      const half = await gainOfHalf(page, fp32, golden.ppl_order);
      const wasm = await duels(page, served, { ...WASM, prompt }, true);
      const onGpu = adapter && (options.webgpu || !adapter.software);
      const webgpu = onGpu
        ? await duels(
            page,
            served,
            { ...(adapter.software ? SOFTWARE : WEBGPU), prompt },
            !adapter.software,
          )
        : null;
      const checks = [...wasm, ...(webgpu ?? []), half, memory].flatMap((row) => row.checks);
      report(checks);
      return {
        browser: run.browser,
        isolated: await page.evaluate(() => window.espalierBench.isolated),
        adapter: adapter?.name ?? '',
        wasm,
        webgpu,
        half,
        memory,
        checks,
        ok: checks.every((check) => check.ok),
      };
    } finally {
      await run.close();
    }
  } finally {
    rmSync(site, { recursive: true, force: true });
  }
}
