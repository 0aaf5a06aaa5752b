// The importance curve of the sample, 10 windows of 128 tokens, on one device; its likelihoods are
// held against PyTorch's.

import { atMost } from '../bench/limits.ts';
import type { Part, PartContext } from './part.ts';
import { cpuTarget, GOLDEN, GPU, sessionOn, type Target, withSample } from './sample.ts';

/** Of a mean NLL in nats, as everywhere for float32 graphs (docs/numerics.md). */
const TOLERANCE = 1e-4;
/** A first curve that took longer is not repeated. */
const SLOW_SECONDS = 20;

export const curveOnGpu: Part = {
  name: 'curve-webgpu',
  title: 'curve of the sample, WebGPU',
  limit: { full: 60, quick: 20 },
  needsGpu: true,
  run: (context) => run(context, GPU),
};

export const curveOnCpu: Part = {
  name: 'curve-cpu',
  title: 'curve of the sample, CPU',
  limit: { full: 40, quick: 15 },
  needsGpu: false,
  run: async (context) => run(context, await cpuTarget()),
};

async function run(context: PartContext, target: Target): Promise<void> {
  const { windows, baseline_nll_per_sample, loo_nll } = GOLDEN.exact;
  await withSample(context.root, 'onnx/model.onnx', async (opened) => {
    const { session, engine, notes } = await sessionOn(opened, target, context.selfTest);
    context.say({ notes, details: { device: engine.name, windows: windows.length, length: 128 } });
    const timed = async () => {
      const started = performance.now();
      const curve = await session.score(windows, undefined, () => {});
      return { curve, seconds: (performance.now() - started) / 1000 };
    };
    const first = await timed();
    context.say({ figures: { first: { value: first.seconds, unit: 's' } } });
    const again = [first];
    if (first.seconds < Math.min(SLOW_SECONDS, context.limitSeconds / 4))
      for (let k = 0; k < (context.quick ? 1 : 3); k++) again.push(await timed());
    const { curve } = again.at(-1)!;
    const best = Math.min(...again.map(({ seconds }) => seconds));
    const off = [
      ...curve.baseline.nllPerWindow.map((nll, k) => nll - baseline_nll_per_sample[k]!),
      ...curve.blocks.map(({ nll }, k) => (nll ?? Number.NaN) - loo_nll[k]!),
    ];
    context.say({
      figures: { curve: { value: best, unit: 's' } },
      checks: [
        atMost(
          'largest difference of an NLL to PyTorch (original by window, without each block)',
          Math.max(...off.map(Math.abs)),
          TOLERANCE,
        ),
      ],
      notes: again.length === 1 ? ['Run once: the time holds the compilation of shaders.'] : [],
    });
    await session.dispose();
    await engine.dispose();
  });
}
