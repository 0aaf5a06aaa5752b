// Gradients and Taylor scores of whole models, held to PyTorch autograd of their checkpoints.

import { describe, expect, it } from 'vitest';
import { openModel } from '../model/open/open.ts';
import { makeScorePrograms } from '../model/programs/programs.ts';
import { fitted } from '../model/programs/widen.ts';
import { nodeFolder } from '../node/folder.ts';
import { fixturePath, golden } from '../testing/fixtures.ts';
import { type GradientOptions, makeGradientPrograms } from './gradientPrograms.ts';
import { Driver, type Passed } from './testing/driver.ts';

/** `definitions` in the file says what each value is. */
interface Row {
  loss: number;
  taylor: number[];
  taylorWithNorms: number[];
  attention: number[];
  feedForward: number[];
  gradNorm: number[];
  source: 'torch' | 'chain';
  tol: number;
}

const ROWS = golden<{ fixtures: Record<string, Row> }>('taylor').fixtures;

/** Blocks whose halves stand side by side: none of them is a sublayer here. */
const PARALLEL = new Set(['optimum-gptneox-fp32']);

async function pass(name: string, options: Partial<GradientOptions>): Promise<Passed> {
  const folder = await nodeFolder(fixturePath(name));
  const opened = await openModel(folder);
  const programs = fitted(makeScorePrograms(opened, { device: 'wasm' }), false);
  const windows = golden(name).windows;
  const [rows, length] = [windows.length, windows[0]?.length ?? 0];
  const gradients = makeGradientPrograms(opened.structure, programs, {
    run: { rows, length },
    predictions: rows * (length - 1),
    accumulate: false,
    kinds: ['linear', 'norm'],
    maxBufferBytes: 2 ** 27,
    ...options,
  });
  if (gradients.obstacle) throw gradients.obstacle;
  const driver = await Driver.open(programs, folder);
  const chunks = options.accumulate ? windows.map((window) => [window]) : [windows];
  const passed = await driver.backward(gradients, chunks);
  await driver.close();
  await folder.close();
  return passed;
}

function expectGolden(name: string, { loss, gradNorm, taylor }: Passed): void {
  const row = ROWS[name] as Row;
  const sums = (counts: (tap: Passed['taylor'][number][number]) => boolean): number[] =>
    taylor.map((taps) => taps.filter(counts).reduce((sum, { value }) => sum + value, 0));
  const near = (found: number[], wanted: number[], what: string): void => {
    expect(found.length, what).toBe(wanted.length);
    for (const [k, value] of wanted.entries())
      expect(Math.abs((found[k] ?? 0) / value - 1), `${what} ${k}`).toBeLessThan(row.tol);
  };
  expect(Math.abs(loss - row.loss)).toBeLessThan(row.source === 'chain' ? 1e-4 : 1e-5);
  near(gradNorm, row.gradNorm, 'gradient at boundary');
  near(
    sums(({ kind }) => kind === 'linear'),
    row.taylor,
    'score of block',
  );
  near(
    sums(() => true),
    row.taylorWithNorms,
    'score with norms of block',
  );
  if (PARALLEL.has(name)) return;
  near(
    sums(({ kind, sublayer }) => kind === 'linear' && sublayer === 'attn'),
    row.attention,
    'attention of block',
  );
  near(
    sums(({ kind, sublayer }) => kind === 'linear' && sublayer === 'ffn'),
    row.feedForward,
    'feed-forward of block',
  );
}

describe('gradients and Taylor scores', () => {
  it.each([
    ['rotary attention written out', 'optimum-llama-fp32'],
    ['4-bit weights with zero points', 'optimum-llama-q4f16'],
    ['masks that differ between blocks of one class', 'optimum-gemma3-fp32'],
    ['parallel halves', 'optimum-gptneox-fp32'],
    ['slanted attention, fused projections', 'optimum-bloom-fp32'],
    ['flat products', 'optimum-opt-fp32'],
    ['routed experts', 'optimum-qwen3moe-fp32'],
    ['soft caps', 'genai-gemma2-fp32-cpu'],
    ['short convolutions', 'genai-lfm2-fp32-cpu'],
    ['norms of heads', 'genai-qwen3-fp32-webgpu'],
    ['float16', 'genai-llama-fp16-webgpu'],
    ['4-bit weights without zero points', 'genai-llama-int4-webgpu'],
    ['4-bit weights as DequantizeLinear', 'genai-llama-int4-webgpu-qdq'],
    ['the attention operator of opset 23', 'dynamo-llama-op23'],
  ])('with %s are those of the golden', async (_, name) => {
    expectGolden(name, await pass(name, {}));
  });

  it('are the same window by window, in stripes of a few rows', async () => {
    const name = 'optimum-llama-fp32';
    expectGolden(name, await pass(name, { accumulate: true, maxBufferBytes: 5000 }));
  });

  it('are the same in stripes of one run', async () => {
    expectGolden('optimum-llama-fp32', await pass('optimum-llama-fp32', { maxBufferBytes: 5000 }));
  });
});
