// Steps of LoRA on the sample without four of its blocks, 4 sequences of 128 tokens, towards the
// original's predictions, on WebGPU and on the CPU; losses and norms are held against PyTorch's.

import lora from '../../e2e/fixtures/golden/lora.json' with { type: 'json' };
import { TRAIN_DEFAULTS } from '../../src/contract/healDefaults.ts';
import { train } from '../../src/runtime/heal/train.ts';
import { wholeSequence } from '../../src/text/training/sequences.ts';
import { atMost } from '../bench/limits.ts';
import type { Part, PartContext } from './part.ts';
import { cpuTarget, GPU, sessionOn, side, type Target, withSample } from './sample.ts';

/** Relative, of the loss and of the norm of the gradients of each step (docs/numerics.md). */
const TOLERANCE = { loss: 1e-5, norm: 1e-4 };
/** Steps before the ones that are timed: shaders are compiled, the teacher's states computed. */
const WARM_UP = 2;
const STEPS = { full: 6, quick: 4 };

export const loraStep: Part = {
  name: 'lora',
  title: 'LoRA step of the sample, 4 x 128',
  limit: { full: 30, quick: 15 },
  needsGpu: true,
  run: async (context) => {
    for (const target of [GPU, await cpuTarget()]) await run(context, target);
  },
};

async function run(context: PartContext, target: Target): Promise<void> {
  const { loss, grad_norm } = lora.runs['graph-kl'];
  const name = side(target.kind);
  // Where the adapter computes on the CPU, one step tells right from wrong.
  const steps = context.software ? 1 : STEPS[context.quick ? 'quick' : 'full'];
  await withSample(context.root, 'onnx/model.onnx', async (opened) => {
    const { session, engine } = await sessionOn(opened, target, context.selfTest);
    const found: { loss: number; norm: number; at: number }[] = [];
    await session.alone((model) =>
      train({
        ...{ ...model, structure: opened.structure, removed: lora.removed, changes: [] },
        settings: { ...TRAIN_DEFAULTS, steps },
        data: { fit: lora.train_ids.slice(0, steps).flat().map(wholeSequence), heldOut: [] },
        onEvent(event) {
          if (event.type === 'step') found.push({ ...event, at: performance.now() });
        },
      }),
    );
    const off = (of: 'loss' | 'norm', golden: readonly number[]): number =>
      Math.max(...found.map((step, k) => Math.abs(step[of] / golden[k]! - 1)));
    // Between the ends of steps.
    const timed = found.slice(WARM_UP - 1);
    const [first, last] = [timed[0], timed.at(-1)];
    const seconds = first && last ? (last.at - first.at) / 1000 / (timed.length - 1) : Number.NaN;
    context.say({
      ...(timed.length > 1 && { figures: { [`${name}.step`]: { value: seconds, unit: 's' } } }),
      checks: [
        atMost(`${name}: loss, relative difference to PyTorch`, off('loss', loss), TOLERANCE.loss),
        atMost(`${name}: norm of the gradients, likewise`, off('norm', grad_norm), TOLERANCE.norm),
      ],
      notes: timed.length > 1 ? [] : [`${engine.name}: one step, which is not timed.`],
      details: { [name]: engine.name },
    });
    await session.dispose();
    await engine.dispose();
  });
}
