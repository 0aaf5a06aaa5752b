// Measuring, sweeping and generating with real variants on ONNX Runtime: what the orchestration
// finds of models with and without a cache.

import { describe, expect, it } from 'vitest';
import { QUICK_PROTOCOL } from '../analysis/speed.ts';
import type { SpeedSettings } from '../contract/speed.ts';
import type { OpenVariant } from '../contract/variant.ts';
import { openModel } from '../model/open/open.ts';
import { openFolder } from '../node/testing/openFolder.ts';
import { LoadedVariant } from '../runtime/decode/variant.ts';
import { nodeLoader } from '../runtime/device/ort.node.ts';
import { fixturePath, golden } from '../testing/fixtures.ts';
import { measureVariants } from './measure.ts';
import { generateSideBySide } from './sideBySide.ts';
import { sweepBatches } from './sweep.ts';

const settings: SpeedSettings = { ...QUICK_PROTOCOL, tokens: 6, warmup: 1, runs: 3 };
const silent = () => ({ signal: new AbortController().signal, onEvent: () => {} });

/** Variants of a fixture on the wasm device, and how many are open. */
async function variants(name: string): Promise<{ open: OpenVariant; openNow: () => number }> {
  const opened = await openModel(await openFolder(fixturePath(name)));
  let live = 0;
  const open: OpenVariant = async (removed, signal, onProgress) => {
    const request = { removed, device: 'wasm' as const, selfTest: null, graphCapture: false };
    const variant = await LoadedVariant.open(opened, request, nodeLoader, { signal, onProgress });
    live++;
    const close = variant.close.bind(variant);
    variant.close = () => {
      live--;
      return close();
    };
    return variant;
  };
  return { open, openNow: () => live };
}

describe('on the runtime', () => {
  it('measures with a cache, together and in turns, with the same tokens', async () => {
    const { open, openNow } = await variants('optimum-llama-fp32');
    const together = await measureVariants({ removed: [1, 2], settings }, open, {
      ...silent(),
      together: true,
    });
    const turns = await measureVariants({ removed: [1, 2], settings }, open, {
      ...silent(),
      together: false,
    });
    expect([together.interleaved, turns.interleaved, openNow()]).toEqual(['runs', 'rounds', 0]);
    for (const which of ['original', 'pruned'] as const) {
      const ids = [...(together[which]?.samples ?? []), ...(turns[which]?.samples ?? [])].map(
        (sample) => sample.ids,
      );
      expect(ids).toHaveLength(6);
      for (const row of ids) expect(row).toEqual(ids[0]);
      expect(ids[0]).toHaveLength(6);
      expect(turns[which]?.loads).toHaveLength(2);
    }
    expect(together.promptIds).toHaveLength(12);
    expect(turns.promptIds).toEqual(together.promptIds);
    expect([together.original?.info.numBlocks, together.pruned?.info.numBlocks]).toEqual([5, 3]);
    expect(together.pruned?.deviceBytes).toBeLessThan(together.original?.deviceBytes ?? 0);
    expect(together.gain?.ratio).toBeGreaterThan(0);
  });

  it('measures a graph without a cache, and says that it has none', async () => {
    const { open } = await variants('optimum-llama-nokv');
    const { original } = await measureVariants({ removed: [], settings }, open, {
      ...silent(),
      together: true,
    });
    expect(original?.info.cache).toBe('none');
    expect(original?.samples).toHaveLength(3);
  });

  it('keeps the original when the plan cannot be loaded', async () => {
    const { open, openNow } = await variants('optimum-llama-fp32');
    const result = await measureVariants({ removed: [9], settings }, open, {
      ...silent(),
      together: true,
    });
    expect([
      result.errors.pruned?.code,
      result.pruned,
      result.original?.samples.length,
      openNow(),
    ]).toEqual(['bad-input', null, 3, 0]);
  });

  it('refuses a run beyond the context with both numbers', async () => {
    const { open, openNow } = await variants('optimum-llama-chat');
    const long = { ...settings, tokens: 100_000 };
    await expect(
      measureVariants({ removed: [1], settings: long }, open, { ...silent(), together: true }),
    ).rejects.toMatchObject({
      code: 'bad-input',
      message: expect.stringMatching(/12 prompt tokens and 100000 new ones.* 256/),
    });
    expect(openNow()).toBe(0);
  });

  it('sweeps batch sizes', async () => {
    const { open, openNow } = await variants('optimum-llama-fp32');
    const request = {
      removed: [1],
      batches: [1, 2, 4],
      settings: { ...settings, warmup: 0, runs: 1 },
    };
    const result = await sweepBatches(request, open, { ...silent(), together: true });
    expect([
      result.original.map((p) => p.batch),
      result.pruned.map((p) => p.batch),
      result.stopped,
    ]).toEqual([[1, 2, 4], [1, 2, 4], []]);
    expect([result.device?.kind, openNow()]).toEqual(['wasm', 0]);
  });

  it('generates side by side what the goldens say', async () => {
    const entry = golden('optimum-llama-fp32').pruned.find(
      (p) => p.removed.length > 0 && p.greedy,
    )!;
    const { open, openNow } = await variants('optimum-llama-fp32');
    const result = await generateSideBySide(
      {
        removed: entry.removed,
        prompt: { kind: 'ids', ids: entry.promptIds },
        tokens: entry.greedy.length,
        sampling: QUICK_PROTOCOL.sampling,
        stopAtEos: false,
      },
      open,
      { ...silent(), together: true },
    );
    const unsure = entry.greedyMargins.findIndex((margin) => margin < 1e-3);
    const certain = unsure < 0 ? entry.greedy.length : unsure;
    expect(certain).toBeGreaterThan(0);
    expect(result.pruned?.ids.slice(0, certain)).toEqual(entry.greedy.slice(0, certain));
    expect([result.pruned?.done, result.original?.done, openNow()]).toEqual([
      'length',
      'length',
      0,
    ]);
  });
});
