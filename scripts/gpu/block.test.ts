// The synthetic block computes what a plain reading of its formulas gives, in every form and with a
// cache; counts of its operations and bytes.

import { describe, expect, test } from 'vitest';
import { fromHalf } from '../../src/onnx/half.ts';
import type { Engine } from '../../src/runtime/device/engine.ts';
import { nodeLoader } from '../../src/runtime/device/ort.node.ts';
import { openWasm } from '../../src/runtime/device/wasmEngine.ts';
import type { BlockForm } from './blockGraph.ts';
import {
  type BlockShape,
  blockOperations,
  LLAMA_1B,
  matricesOf,
  matrixBytes,
  matrixElements,
  QUANT_BLOCK,
} from './blockShape.ts';
import { BlockStack, type Work } from './blockStack.ts';
import {
  type BlockValues,
  blockValues,
  floatBytes,
  noise,
  type QuantizedValues,
  quantizedValues,
} from './blockValues.ts';

const SHAPE: BlockShape = {
  hidden: 64,
  ffn: 96,
  heads: 4,
  kvHeads: 2,
  headSize: 16,
  ropeBase: 10_000,
};

/** Weights of a 4-bit matrix as MatMul takes them. */
function plain(values: QuantizedValues): BlockValues {
  const matrices = matricesOf(SHAPE).map(({ name, inputs, outputs }) => {
    const { packed, scales } = values.matrices[name];
    const out = new Float32Array(inputs * outputs);
    for (let o = 0; o < outputs; o++)
      for (let i = 0; i < inputs; i++) {
        const byte = packed[(o * inputs + i) >> 1]!;
        const q = i % 2 === 0 ? byte & 15 : byte >> 4;
        out[i * outputs + o] = (q - 8) * scales[((o * inputs + i) / QUANT_BLOCK) | 0]!;
      }
    return [name, out];
  });
  return { ...values, matrices: Object.fromEntries(matrices) };
}

/** The block by its formulas, in float64, one row: hidden states of the new tokens. */
function reference(
  v: BlockValues,
  { tokens, past }: Work,
  capacity: number,
  row: number,
): number[] {
  const { hidden, ffn, heads, kvHeads, headSize, ropeBase } = SHAPE;
  const norm = (x: number[], gamma: Float32Array): number[] => {
    const rms = Math.sqrt(x.reduce((s, a) => s + a * a, 0) / x.length + 1e-5);
    return x.map((a, k) => (a / rms) * gamma[k]!);
  };
  const product = (x: number[], w: Float32Array, outputs: number): number[] =>
    Array.from({ length: outputs }, (_, o) =>
      x.reduce((s, a, i) => s + a * w[i * outputs + o]!, 0),
    );
  const rotate = (x: number[], position: number): number[] => {
    const half = headSize / 2;
    return x.map((a, k) => {
      const angle = position * ropeBase ** (-(2 * (k % half)) / headSize);
      const other = k < half ? -x[k + half]! : x[k - half]!;
      return a * Math.cos(angle) + other * Math.sin(angle);
    });
  };
  const all = noise((row + 1) * tokens * hidden, 2 ** -7, 7).slice(row * tokens * hidden);
  const cacheSize = kvHeads * capacity * headSize;
  const cached = (seed: number, head: number, position: number): number[] => {
    const values = noise((row + 1) * cacheSize, 2 ** -7, seed);
    const at = row * cacheSize + (head * capacity + position) * headSize;
    return [...values.slice(at, at + headSize)];
  };
  const keys = Array.from({ length: kvHeads }, (_, h) =>
    Array.from({ length: past }, (_, p) => cached(8, h, p)),
  );
  const vals = Array.from({ length: kvHeads }, (_, h) =>
    Array.from({ length: past }, (_, p) => cached(9, h, p)),
  );
  const out: number[] = [];
  for (let t = 0; t < tokens; t++) {
    const x = [...all.slice(t * hidden, (t + 1) * hidden)];
    const packed = product(norm(x, v.inputNorm), v.matrices.qkv, (heads + 2 * kvHeads) * headSize);
    const part = (k: number): number[] => packed.slice(k * headSize, (k + 1) * headSize);
    for (let h = 0; h < kvHeads; h++) {
      keys[h]!.push(rotate(part(heads + h), past + t));
      vals[h]!.push(part(heads + kvHeads + h));
    }
    const attended = Array.from({ length: heads }, (_, h) => {
      const group = Math.floor((h * kvHeads) / heads);
      const q = rotate(part(h), past + t);
      const scores = keys[group]!.map(
        (key) => q.reduce((s, a, k) => s + a * key[k]!, 0) / Math.sqrt(headSize),
      );
      const powers = scores.map((s) => Math.exp(s - Math.max(...scores)));
      const sum = powers.reduce((a, b) => a + b, 0);
      return q.map((_, k) =>
        powers.reduce((s, power, p) => s + (power / sum) * vals[group]![p]![k]!, 0),
      );
    }).flat();
    const projected = product(attended, v.matrices.output, hidden);
    const middle = x.map((a, k) => a + projected[k]!);
    const post = norm(middle, v.postNorm);
    const gate = product(post, v.matrices.gate, ffn);
    const up = product(post, v.matrices.up, ffn);
    const inner = gate.map((g, k) => (g / (1 + Math.exp(-g))) * up[k]!);
    const lowered = product(inner, v.matrices.down, hidden);
    out.push(...middle.map((a, k) => a + lowered[k]!));
  }
  return out;
}

const largest = (a: readonly number[], b: Float32Array, at: number): number =>
  Math.max(...a.map((x, k) => Math.abs(x - b[at + k]!)));

describe('a block on the CPU (wasm) is its formulas', () => {
  const works: [string, Work, number | null][] = [
    ['prefill of two rows', { rows: 2, tokens: 5, past: 0 }, null],
    ['one token after a cache', { rows: 1, tokens: 1, past: 6 }, 9],
  ];
  test.each(works)('%s', async (_, work, cache) => {
    const engine: Engine = await openWasm(nodeLoader);
    const float = blockValues(SHAPE);
    const quantized = quantizedValues(SHAPE);
    const form = (weights: BlockForm['weights']): BlockForm => ({
      shape: SHAPE,
      weights,
      activation: weights === 'fp16' ? 'float16' : 'float32',
      cache,
      positions: 16,
    });
    const stacks: [BlockStack, BlockValues, number][] = [
      [await BlockStack.constant(engine, form('fp32'), float), float, 2e-5],
      [await BlockStack.fed(engine, form('fp32'), float, 1), float, 2e-5],
      [await BlockStack.constant(engine, form('q4'), quantized), plain(quantized), 2e-5],
      // float16 has 11 bits: sums of some hundred terms of about 1 are off by a few thousandths.
      [await BlockStack.fed(engine, form('fp16'), float, 1), float, 1e-2],
    ];
    for (const [stack, values, tolerance] of stacks) {
      const stage = stack.stage(work);
      await stage.pass();
      const found = await stage.result();
      for (let row = 0; row < work.rows; row++) {
        const expected = reference(values, work, cache ?? 0, row);
        const at = row * work.tokens * SHAPE.hidden;
        expect(largest(expected, found, at)).toBeLessThan(tolerance);
      }
      stage.free();
      await stack.dispose();
    }
    await engine.dispose();
  });

  test('a second block takes what the first gives', async () => {
    const engine = await openWasm(nodeLoader);
    const form: BlockForm = {
      shape: SHAPE,
      weights: 'fp32',
      activation: 'float32',
      cache: null,
      positions: 8,
    };
    const work = { rows: 1, tokens: 3, past: 0 };
    const outcome = async (layers: number): Promise<Float32Array> => {
      const stack = await BlockStack.fed(engine, form, blockValues(SHAPE), layers);
      const stage = stack.stage(work);
      await stage.pass();
      return stage.result();
    };
    const [one, two] = [await outcome(1), await outcome(2)];
    expect(one).not.toEqual(two);
    expect(Math.max(...two.map((x, k) => Math.abs(x - one[k]!)))).toBeGreaterThan(0.01);
    await engine.dispose();
  });
});

test('values are exact in float16', () => {
  const values = noise(1000, 2 ** -12, 3);
  const half = new Uint16Array(floatBytes(values, 'float16').buffer);
  expect([...half].map(fromHalf)).toEqual([...values]);
  expect(new Set(values).size).toBeGreaterThan(200);
});

test('counts of a block of Llama 3.2 1B', () => {
  // The checkpoint has 60,821,504 parameters a layer, 4,096 of them in norms.
  expect(matrixElements(LLAMA_1B)).toBe(60_821_504 - 4_096);
  expect(matrixBytes(LLAMA_1B, 'fp16', 'float16')).toBe(2 * 60_817_408);
  expect(matrixBytes(LLAMA_1B, 'q4', 'float16')).toBe((60_817_408 / 32) * (16 + 2));
  const attention = 4 * 2048;
  expect(blockOperations(LLAMA_1B, 1, 1, 1024)).toBe(2 * 60_817_408 + 1025 * attention);
  expect(blockOperations(LLAMA_1B, 10, 128, 0)).toBe(
    10 * (128 * 2 * 60_817_408 + 8256 * attention),
  );
});
