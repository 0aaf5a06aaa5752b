// Gradients through block-quantised products, for every way in which the bytes may be stored, held
// to the matrix that ONNX Runtime's own operator multiplies with.

import { describe, expect, it } from 'vitest';
import type { BoundProgram, ScorePrograms, WeightRef } from '../model/programs/program.ts';
import { encodeInline } from '../model/programs/programModel.ts';
import { DataType } from '../onnx/graph.ts';
import { countOperators } from '../onnx/operators.ts';
import { memoryFolder } from '../onnx/testing/text.ts';
import { blockGradient, gradientClass } from './blockGradient.ts';
import { attributesOf } from './build/attributes.ts';
import { Builder } from './build/builder.ts';
import { modelOf } from './build/model.ts';
import { Driver } from './testing/driver.ts';

interface Form {
  /** Rows and columns alike. */
  size: number;
  block: number;
  bits: 4 | 8;
  zeros: 'none' | 'packed' | 'floats';
  opset: number;
  onDevice: boolean;
}

const FORMS: readonly [string, Form][] = [
  ['4 bits', { size: 64, block: 32, bits: 4, zeros: 'none', opset: 21, onDevice: true }],
  ['zero points', { size: 64, block: 16, bits: 4, zeros: 'packed', opset: 22, onDevice: true }],
  ['8 bits', { size: 48, block: 16, bits: 8, zeros: 'packed', opset: 21, onDevice: true }],
  ['8 bits without', { size: 32, block: 16, bits: 8, zeros: 'none', opset: 21, onDevice: true }],
  ['an older set', { size: 64, block: 32, bits: 4, zeros: 'packed', opset: 14, onDevice: true }],
  ['a set too old', { size: 32, block: 32, bits: 4, zeros: 'none', opset: 12, onDevice: false }],
  ['an odd row', { size: 48, block: 16, bits: 4, zeros: 'packed', opset: 21, onDevice: false }],
  ['a part block', { size: 40, block: 16, bits: 4, zeros: 'packed', opset: 21, onDevice: false }],
  ['float zeros', { size: 64, block: 32, bits: 4, zeros: 'floats', opset: 21, onDevice: false }],
];

/** Numbers that look arbitrary and never change. */
const noise = (count: number, seed: number): number[] =>
  Array.from(
    { length: count },
    (_, k) => Math.sin(12.9898 * (k + 1) + 78.233 * seed) * 43758.5453,
  ).map((x) => x - Math.floor(x));

const floats = (values: readonly number[]): Uint8Array =>
  new Uint8Array(Float32Array.from(values).buffer);

/** x + x transpose(W), (1, T, size), as a block. */
function blockOf({ size, block, bits, zeros, opset }: Form, tokens: number): BoundProgram {
  const blocks = Math.ceil(size / block);
  const bytes = (count: number, seed: number): Uint8Array =>
    Uint8Array.from(noise(count, seed), (x) => Math.floor(256 * x));
  const weight = (name: string, type: WeightRef['type'], dims: number[], data: Uint8Array) =>
    [name, { name, type, dims, byteLength: data.length, data } satisfies WeightRef] as const;
  const packed = Math.ceil((blocks * bits) / 8);
  const weights = new Map<string, WeightRef>([
    weight(
      'weight0',
      'uint8',
      [size, blocks, (block * bits) / 8],
      bytes((size * blocks * block * bits) / 8, 1),
    ),
    weight(
      'weight1',
      'float32',
      [size * blocks],
      floats(noise(size * blocks, 2).map((x) => 0.02 + 0.02 * x)),
    ),
  ]);
  if (zeros === 'packed')
    weights.set(...weight('weight2', 'uint8', [size * packed], bytes(size * packed, 3)));
  if (zeros === 'floats')
    weights.set(
      ...weight(
        'weight2',
        'float32',
        [size, blocks],
        floats(noise(size * blocks, 3).map((x) => 16 * x)),
      ),
    );
  const type = { uint8: DataType.uint8, float32: DataType.float } as Record<string, DataType>;
  const x = { type: DataType.float, dims: [1, tokens, size] };
  const b = new Builder(
    [
      ['x', x],
      ...[...weights].map(
        ([name, ref]) => [name, { type: type[ref.type] as DataType, dims: ref.dims }] as const,
      ),
    ],
    { opset },
  );
  const node = {
    name: 'product',
    op: 'MatMulNBits',
    domain: 'com.microsoft',
    inputs: ['x', ...weights.keys()],
    outputs: ['y'],
    attributes: attributesOf({ N: size, K: size, bits, block_size: block }),
  };
  b.adopt(node, [x]);
  const sum = b.add('x', 'y');
  const model = modelOf(b, {
    name: 'block',
    inputs: ['x', ...weights.keys()],
    outputs: [sum],
    initializers: new Map(),
    source: { irVersion: 10, opsets: new Map([['', opset]]), functions: [] },
  });
  return {
    program: {
      id: 'block-0',
      bytes: encodeInline(model),
      inputs: [
        { name: 'x', type: 'float32', source: { kind: 'residual' } },
        ...[...weights].map(([name, ref]) => ({
          name,
          type: ref.type,
          source: { kind: 'weight' } as const,
        })),
      ],
      outputs: [{ name: sum, type: 'float32', target: { kind: 'residual' } }],
      ops: countOperators(model.graph),
    },
    weights,
    sides: new Map(),
  };
}

describe('the gradient through a block-quantised product', () => {
  it.each(FORMS)('with %s is that of the dequantised matrix', async (_, form) => {
    const { size } = form;
    const driver = await Driver.open({} as ScorePrograms, memoryFolder({}));
    const env = { windows: [], sides: new Map() };
    // Rows of the identity give transpose(W) beside themselves.
    const identity = Float32Array.from({ length: size * size }, (_, k) =>
      Number(k % (size + 1) === 0),
    );
    const square = blockOf(form, size);
    const given = await driver.run(square, {
      ...env,
      residual: driver.state(identity, [1, size, size]),
    });
    const y = [...given.values()][0]?.data as Float32Array;
    const matrix = (row: number, column: number): number =>
      (y[column * size + row] ?? 0) - Number(row === column);

    const tokens = 3;
    const bound = blockOf(form, tokens);
    const roles = [{ weight: 'weight0', name: 'W', kind: 'linear', sublayer: null }] as const;
    const values = {
      run: { rows: 1, length: tokens },
      sides: new Map(),
      stateSize: size,
      past: 0,
      feedsNibbles: true,
    };
    const taps = { roles, accumulate: false, limit: 2 ** 20 };
    const made = blockGradient(gradientClass(bound, values, taps, 'gradient'), bound, roles);
    expect('DequantizeLinear' in made.bound.program.ops).toBe(form.onDevice);
    const [x, dy] = [4, 5].map((seed) => noise(tokens * size, seed).map((v) => v - 0.5));
    const found = await driver.run(made.bound, {
      ...env,
      residual: driver.state(Float32Array.from(x ?? []), [1, tokens, size]),
      gradient: driver.state(Float32Array.from(dy ?? []), [1, tokens, size]),
    });
    const outputOf = (kind: string): Float32Array => {
      const output = made.bound.program.outputs.find(({ target }) => target.kind === kind);
      return found.get(output?.name ?? '')?.data as Float32Array;
    };
    // dx = dy + dy W
    const dx = outputOf('gradient');
    for (let t = 0; t < tokens; t++)
      for (let k = 0; k < size; k++) {
        let sum = dy?.[t * size + k] ?? 0;
        for (let n = 0; n < size; n++) sum += (dy?.[t * size + n] ?? 0) * matrix(n, k);
        expect(dx[t * size + k]).toBeCloseTo(sum, 4);
      }
    // score = sum |W dW|, dW = transpose(dy) x
    let score = 0;
    for (let n = 0; n < size; n++)
      for (let k = 0; k < size; k++) {
        let sum = 0;
        for (let t = 0; t < tokens; t++)
          sum += (dy?.[t * size + n] ?? 0) * (x?.[t * size + k] ?? 0);
        score += Math.abs(matrix(n, k) * sum);
      }
    expect(Math.abs((outputOf('taylor')[0] ?? 0) / score - 1)).toBeLessThan(1e-5);
    await driver.close();
  });
});
