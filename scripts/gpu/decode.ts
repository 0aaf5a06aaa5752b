// Decoding with the sample, token by token with its cache, on WebGPU and on the CPU: tokens per
// second, with the tokens held against PyTorch's and the likelihood of the 4-bit graph against ONNX
// Runtime's.

import { GREEDY } from '../../src/analysis/sampling.ts';
import { summarise } from '../../src/analysis/speed.ts';
import type { RunSample } from '../../src/contract/variant.ts';
import type { OpenedModel } from '../../src/model/open/open.ts';
import { LoadedVariant } from '../../src/runtime/decode/variant.ts';
import { openRouted } from '../../src/runtime/score/route.ts';
import { atMost, none } from '../bench/limits.ts';
import type { Part, PartContext } from './part.ts';
import { cpuTarget, GOLDEN, GPU, side, type Target, withSample } from './sample.ts';

/** Of the mean NLL of a 4-bit graph (docs/numerics.md). */
const QUANTIZED_TOLERANCE = 2e-3;
/** A run with fewer new tokens than this tells nothing of the speed of one. */
const TOKENS = { full: 64, quick: 32, software: 12 };

export const decodeFloat: Part = {
  name: 'decode-fp32',
  title: 'decode, sample in float32',
  limit: { full: 40, quick: 15 },
  needsGpu: true,
  run: (context) =>
    withSample(context.root, 'onnx/model.onnx', async (opened) => {
      for (const target of [GPU, await cpuTarget()]) {
        const ids = await decodeOn(context, opened, target);
        const { greedy_ids } = GOLDEN.exact.generation[0]!;
        const other = greedy_ids.filter((id, k) => k < ids.length && ids[k] !== id).length;
        const name = `${target.kind}: tokens that PyTorch does not choose`;
        context.say({ checks: [none(name, other)] });
      }
    }),
};

export const decodeQuantized: Part = {
  name: 'decode-q4',
  title: 'decode, sample in 4 bits',
  limit: { full: 40, quick: 15 },
  needsGpu: true,
  run: (context) =>
    withSample(context.root, 'onnx/model_q4.onnx', async (opened) => {
      for (const target of [GPU, await cpuTarget()]) {
        await decodeOn(context, opened, target);
        await checkLikelihood(context, opened, target);
      }
    }),
};

async function decodeOn(
  { quick, software, limitSeconds, selfTest, say }: PartContext,
  opened: OpenedModel,
  { kind, loader }: Target,
): Promise<number[]> {
  const request = { removed: [], device: kind, selfTest, graphCapture: false };
  const variant = await LoadedVariant.open(opened, request, loader);
  const { info } = variant;
  if (info.device.kind !== kind) throw new Error(info.notes.join(' '));
  const few = software && kind === 'webgpu';
  const tokens = few ? TOKENS.software : TOKENS[quick ? 'quick' : 'full'];
  const shape = { ids: GOLDEN.exact.prompt_ids, tokens, batch: 1, sampling: GREEDY };
  for (let k = 0; k < (few ? 1 : 2); k++) await variant.run(shape);
  const samples: RunSample[] = [];
  const started = performance.now();
  const runs = few || quick ? 3 : 8;
  while (samples.length < runs && performance.now() - started < limitSeconds * 100)
    samples.push(await variant.run(shape));
  await variant.close();
  const { decode, ttft } = summarise(samples);
  say({
    figures: {
      [`${side(kind)}.decode`]: { value: decode?.median ?? Number.NaN, unit: 'tokens/s' },
      [`${side(kind)}.firstToken`]: { value: ttft.median * 1000, unit: 'ms' },
    },
    details: {
      [side(kind)]: {
        device: info.device.name,
        runtime: info.runtime,
        cache: info.cache,
        promptTokens: shape.ids.length,
        tokens,
        runs: samples.length,
        notes: info.notes,
      },
    },
  });
  return samples[0]!.ids;
}

/** The first window, whose likelihood says whether the 4-bit kernels are right. */
async function checkLikelihood(
  { selfTest, say }: PartContext,
  opened: OpenedModel,
  { kind, loader }: Target,
): Promise<void> {
  const routed = await openRouted(opened, loader, kind, async () => selfTest);
  const { session, engine } = routed;
  const nll = await session.nllPerToken([], GOLDEN.exact.windows[0]!);
  const mean = nll.reduce((sum, value) => sum + value, 0) / nll.length;
  const expected = GOLDEN.quantized.baseline_nll_per_sample[0]!;
  say({
    checks: [
      atMost(
        `${engine.kind}: difference of the first window's NLL to ONNX Runtime`,
        Math.abs(mean - expected),
        QUANTIZED_TOLERANCE,
      ),
    ],
  });
  await session.dispose();
  await engine.dispose();
}
