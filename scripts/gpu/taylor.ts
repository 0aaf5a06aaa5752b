// The Taylor criterion of the sample, 10 windows of 128 tokens, on WebGPU and on the CPU; its scores
// are held against PyTorch's.

import { measureTaylor } from '../../src/runtime/gradients/taylor.ts';
import { atMost } from '../bench/limits.ts';
import type { Part, PartContext } from './part.ts';
import { cpuTarget, GOLDEN, GPU, sessionOn, side, type Target, withSample } from './sample.ts';

/** Of the loss, in nats, and of each score, relative (docs/numerics.md). */
const TOLERANCE = 1e-5;

export const taylor: Part = {
  name: 'taylor',
  title: 'Taylor criterion of the sample',
  limit: { full: 30, quick: 15 },
  needsGpu: true,
  run: async (context) => {
    for (const target of [GPU, await cpuTarget()]) await run(context, target);
  },
};

async function run(context: PartContext, target: Target): Promise<void> {
  const { windows, taylor_loss, taylor_abs_wg_linear } = GOLDEN.exact;
  const name = side(target.kind);
  await withSample(context.root, 'onnx/model.onnx', async (opened) => {
    const { session, engine } = await sessionOn(opened, target, context.selfTest);
    const { structure } = opened;
    const timed = async () => {
      const started = performance.now();
      const found = await session.alone((model) =>
        measureTaylor({ ...model, structure, windows, onProgress: () => {} }),
      );
      return { found, seconds: (performance.now() - started) / 1000 };
    };
    const first = await timed();
    const again = first.seconds < context.limitSeconds / 8 ? await timed() : first;
    const { loss, linear } = again.found;
    const off = linear.block.map((score, k) => Math.abs(score / taylor_abs_wg_linear[k]! - 1));
    context.say({
      figures: { [`${name}.taylor`]: { value: again.seconds, unit: 's' } },
      checks: [
        atMost(`${name}: loss, difference to PyTorch`, Math.abs(loss - taylor_loss), TOLERANCE),
        atMost(
          `${name}: largest relative difference of a score to PyTorch`,
          Math.max(...off),
          TOLERANCE,
        ),
      ],
      notes:
        again === first ? [`${engine.name}: run once, with the first use of each shader.`] : [],
      details: { [name]: engine.name },
    });
    await session.dispose();
    await engine.dispose();
  });
}
