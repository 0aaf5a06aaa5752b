// One block of the shape of Llama 3.2 1B, in float16 and in 4 bits: prefill and a decode step on
// WebGPU and on the CPU of the same machine. Each result is compared before it is timed.

import type { Engine } from '../../src/runtime/device/engine.ts';
import { openNative } from '../../src/runtime/device/native/engine.ts';
import { routesOf } from '../../src/runtime/device/selfTest.ts';
import { openWasm } from '../../src/runtime/device/wasmEngine.ts';
import { openWebgpu } from '../../src/runtime/device/webgpuEngine.ts';
import { atMost } from '../bench/limits.ts';
import type { BlockForm } from './blockGraph.ts';
import { blockOperations, LLAMA_1B, matrixBytes } from './blockShape.ts';
import { BlockStack, type Work } from './blockStack.ts';
import { blockValues, quantizedValues } from './blockValues.ts';
import type { Figures, Part, PartContext } from './part.ts';
import { cpuTarget, GPU } from './sample.ts';
import { repeatTimed, type Times } from './timing.ts';

const SHAPE = LLAMA_1B;
const PAST = 1024;
/** Room of the cache, and positions of the rotary tables. */
const CAPACITY = 1088;
const POSITIONS = 2048;
/** Blocks of a model of 1B: a token waits for the device once in so many. */
const BLOCKS_PER_TOKEN = 16;

/**
 * Largest relative error of the hidden states of any position, root mean square: sums of 8192
 * float16 terms that are themselves kept in float16 are off by about sqrt(8192) x 2^-12, 2 %.
 */
const TOLERANCE = 0.03;

interface NamedWork extends Work {
  name: string;
}

const DECODE: NamedWork = { name: 'decode', rows: 1, tokens: 1, past: PAST };
const PREFILLS: NamedWork[] = [
  { name: 'prefill1x128', rows: 1, tokens: 128, past: 0 },
  { name: 'prefill10x128', rows: 10, tokens: 128, past: 0 },
];
/** Where the adapter computes on the CPU: enough to tell right from wrong. */
const SHORT_PREFILL: NamedWork = { name: 'prefill1x32', rows: 1, tokens: 32, past: 0 };

/**
 * Blocks with weights of their own: together several times the caches of a card, so that weights
 * come from its memory as they do in a model.
 */
const LAYERS = { fp16: { full: 4, quick: 2 }, q4: { full: 12, quick: 6 } };

const part = (weights: 'fp16' | 'q4', title: string): Part => ({
  name: `block-${weights}`,
  title,
  limit: { full: 70, quick: 30 },
  needsGpu: true,
  run: (context) => run(context, weights),
});

export const blockHalf = part('fp16', '1B-shaped block in float16');
export const blockQuantized = part('q4', '1B-shaped block in 4 bits');

async function run(context: PartContext, weights: 'fp16' | 'q4'): Promise<void> {
  const { selfTest, software, quick, say } = context;
  const routes = selfTest ? routesOf(selfTest.checks) : null;
  const gpu = await openWebgpu(GPU.loader, { subgroups: routes?.subgroups ?? false });
  if (!gpu.float16)
    throw new Error('The GPU does not offer float16 (shader-f16), in which this block computes.');
  const { kind, loader } = await cpuTarget();
  const cpu: Engine = await (kind === 'cpu' ? openNative(loader) : openWasm(loader));
  const layers = software ? 1 : LAYERS[weights][quick ? 'quick' : 'full'];
  const common = { shape: SHAPE, positions: POSITIONS } as const;
  const gpuForm = { ...common, weights, activation: 'float16' } as const;
  const cpuForm = {
    ...common,
    weights: weights === 'q4' ? 'q4' : 'fp32',
    activation: 'float32',
  } as const;
  say({
    notes: [
      `WebGPU: ${weights} weights, float16 activations, ${layers} blocks with weights of their ` +
        `own in turn; CPU: ${cpuForm.weights} weights, float32 activations, one block, the same ` +
        'values.',
      'TFLOP/s count two operations for each weight and token, and attention; GB/s count the ' +
        'weights (with the scales of 4-bit ones) of a decode step, not its cache.',
      `Decoding waits for the device once in ${BLOCKS_PER_TOKEN} blocks; "submit" is the share ` +
        'of its time in which ONNX Runtime hands over work.',
    ],
    details: { webgpu: gpu.name, cpu: cpu.name, shape: SHAPE, layers, past: PAST },
  });
  const values = weights === 'q4' ? quantizedValues(SHAPE) : blockValues(SHAPE);
  const prefills = quick ? PREFILLS.slice(0, 1) : PREFILLS;
  const works: [NamedWork[], number | null][] = [
    [[DECODE], CAPACITY],
    [software ? [SHORT_PREFILL] : prefills, null],
  ];
  for (const [sizes, cache] of works) {
    const onCpu = await BlockStack.constant(cpu, { ...cpuForm, cache }, values);
    const onGpu = await BlockStack.fed(gpu, { ...gpuForm, cache }, values, layers);
    for (const work of sizes) {
      const expected = await resultOf(onCpu, work);
      const found = await resultOf(onGpu, work);
      const name = `${work.name}: relative error of a position`;
      say({ checks: [atMost(name, worstPosition(expected, found, SHAPE.hidden), TOLERANCE)] });
      say({ figures: figuresOf('webgpu', await timesOf(onGpu, work, context), work, gpuForm) });
      say({ figures: figuresOf('cpu', await timesOf(onCpu, work, context), work, cpuForm) });
    }
    await onCpu.dispose();
    await onGpu.dispose();
  }
  await gpu.dispose();
  await cpu.dispose();
}

/** Hidden states after the first block. */
async function resultOf(stack: BlockStack, work: Work): Promise<Float32Array> {
  const stage = stack.stage(work, 1);
  await stage.pass();
  const result = await stage.result();
  stage.free();
  return result;
}

interface BlockTimes extends Times {
  /** Of the median, ms that ONNX Runtime took to submit. */
  submit: number;
  /** Passes of one timed run, and blocks of a pass. */
  blocks: number;
}

async function timesOf(
  stack: BlockStack,
  work: NamedWork,
  { quick, software }: PartContext,
): Promise<BlockTimes> {
  const stage = stack.stage(work);
  const { layers } = stack;
  const passes = layers > 1 && work.tokens === 1 ? Math.ceil(BLOCKS_PER_TOKEN / layers) : 1;
  let submitted = 0;
  const repeat = software
    ? { warmups: 0, atLeast: 2, atMost: 3, seconds: 4 }
    : { warmups: 1, atLeast: quick ? 2 : 3, atMost: 50, seconds: quick ? 1 : 4 };
  const times = await repeatTimed(repeat, async () => {
    const before = stack.submitSeconds;
    for (let k = 0; k < passes; k++) await stage.pass();
    submitted = stack.submitSeconds - before;
    await stack.settled();
  });
  stage.free();
  const blocks = passes * layers;
  return {
    median: times.median / blocks,
    best: times.best / blocks,
    runs: times.runs,
    submit: (submitted * 1000) / blocks,
    blocks,
  };
}

/** By the median run. */
export function figuresOf(
  side: 'webgpu' | 'cpu',
  { median, best, submit }: Pick<BlockTimes, 'median' | 'best' | 'submit'>,
  work: NamedWork,
  { shape, weights, activation }: Omit<BlockForm, 'cache'>,
): Figures {
  const name = `${side}.${work.name}`;
  const seconds = median / 1000;
  const operations = blockOperations(shape, work.rows, work.tokens, work.past);
  const figures: Figures = {
    [name]: { value: median, unit: 'ms' },
    [`${name}.best`]: { value: best, unit: 'ms' },
    [`${name}.operations`]: { value: operations / seconds / 1e12, unit: 'TFLOP/s' },
  };
  if (side === 'webgpu') figures[`${name}.submit`] = { value: submit, unit: 'ms' };
  if (work.tokens === 1) {
    const bytes = matrixBytes(shape, weights, activation);
    figures[`${name}.weights`] = { value: bytes / seconds / 1e9, unit: 'GB/s' };
  }
  return figures;
}

/** Root mean square of the difference over that of the expected values, at the worst position. */
export function worstPosition(expected: Float32Array, found: Float32Array, width: number): number {
  if (expected.length !== found.length) return Number.POSITIVE_INFINITY;
  let worst = 0;
  for (let at = 0; at < expected.length; at += width) {
    let off = 0;
    let size = 0;
    for (let k = at; k < at + width; k++) {
      off += (expected[k]! - found[k]!) ** 2;
      size += expected[k]! ** 2;
    }
    const error = Math.sqrt(off / size);
    // A comparison with NaN is false: it must not pass for no error.
    if (!(error <= worst)) worst = Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
  }
  return worst;
}
