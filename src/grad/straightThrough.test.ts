// Products of rounded activations become products of floats, and nothing else is touched.

import { describe, expect, it } from 'vitest';
import type { BoundProgram, ScorePrograms } from '../model/programs/program.ts';
import { encodeInline } from '../model/programs/programModel.ts';
import { DataType, type Model, type Node, type Tensor } from '../onnx/graph.ts';
import { countOperators } from '../onnx/operators.ts';
import { memoryFolder } from '../onnx/testing/text.ts';
import { blockGradient, gradientClass } from './blockGradient.ts';
import { Builder } from './build/builder.ts';
import { constantBytes } from './build/literals.ts';
import { modelOf } from './build/model.ts';
import { evaluateShapes } from './shapes/evaluate.ts';
import { shaped } from './shapes/value.ts';
import { passStraightThrough } from './straightThrough.ts';
import { Driver } from './testing/driver.ts';
import { runtimeValues } from './testing/runtimeValues.ts';
import { graphOf, nodeOf } from './testing/smallGraphs.ts';

const constant = (name: string, type: DataType, dims: number[], data: number[]): Tensor => {
  return { name, type, dims, data: constantBytes(type, data) };
};
const X = [0.5, -1.25, 2, 0.75, -0.1, 1.5];
const STORED = [130, 120, 128, 200, 5, 131];
const ZERO = [128, 127];

/** What the graph computes for X (2, 3). */
async function outputOf(model: Model): Promise<readonly number[]> {
  const x = { ...shaped(DataType.float, [2, 3]), data: X };
  const inputs = new Map([['x', x]]);
  evaluateShapes(model, inputs);
  const name = model.graph.outputs[0]?.name ?? '';
  return (await runtimeValues(model, inputs, [name])).get(name)?.data ?? [];
}

/** X times (STORED - ZERO) scale, of columns of a (3, 2) matrix. */
function exact(scales: readonly number[], zeros: readonly number[]): number[] {
  return [0, 1].flatMap((row) =>
    [0, 1].map((column) => {
      const scale = scales[column % scales.length] as number;
      const zero = zeros[column % zeros.length] as number;
      const terms = [0, 1, 2].map(
        (k) => (X[row * 3 + k] as number) * ((STORED[k * 2 + column] as number) - zero) * scale,
      );
      return terms.reduce((a, b) => a + b);
    }),
  );
}

async function expectExact(model: Model, wanted: readonly number[]): Promise<void> {
  const found = await outputOf(model);
  expect(found.length).toBe(wanted.length);
  for (const [k, value] of wanted.entries()) expect(found[k]).toBeCloseTo(value, 4);
}

const W = constant('w', DataType.uint8, [3, 2], STORED);

describe('products with rounded activations become products of floats', () => {
  const dynamic = (zeros: readonly number[]): Model => {
    const nodes: Node[] = [
      nodeOf('DynamicQuantizeLinear', ['x'], ['q', 's', 'z']),
      nodeOf('MatMulInteger', ['q', 'w', 'z', 'wz'], ['i']),
      nodeOf('Cast', ['i'], ['f'], { to: DataType.float }),
      nodeOf('Mul', ['s', 'ws'], ['both']),
      nodeOf('Mul', ['f', 'both'], ['y']),
    ];
    const dims = zeros.length === 1 ? [] : [zeros.length];
    return graphOf(
      nodes,
      ['x'],
      [
        W,
        constant('wz', DataType.uint8, dims, [...zeros]),
        constant('ws', DataType.float, [2], [0.01, 0.02]),
      ],
    );
  };

  it('of MatMulInteger, with one zero point', async () => {
    const model = dynamic([128]);
    const before = await outputOf(model);
    expect(passStraightThrough(model).replaced).toBe(1);
    await expectExact(model, exact([0.01, 0.02], [128]));
    // The rounded product is near, and not the same.
    const after = exact([0.01, 0.02], [128]);
    const off = Math.max(...before.map((x, k) => Math.abs(x - (after[k] as number))));
    expect(off).toBeGreaterThan(1e-4);
    expect(off).toBeLessThan(0.05);
  });

  it('of MatMulInteger, with a zero point for each column, in old operator sets too', async () => {
    for (const opset of [21, 11]) {
      const model = dynamic(ZERO);
      model.opsets.set('', opset);
      expect(passStraightThrough(model).replaced).toBe(1);
      await expectExact(model, exact([0.01, 0.02], ZERO));
    }
  });

  it('of DynamicQuantizeMatMul', async () => {
    const model = graphOf(
      [nodeOf('DynamicQuantizeMatMul', ['x', 'w', 'ws', 'wz', 'b'], ['y'], {}, 'com.microsoft')],
      ['x'],
      [
        W,
        constant('ws', DataType.float, [1], [0.01]),
        constant('wz', DataType.uint8, [1], [128]),
        constant('b', DataType.float, [2], [1, 2]),
      ],
    );
    expect(passStraightThrough(model).replaced).toBe(1);
    const product = exact([0.01], [128]);
    await expectExact(
      model,
      product.map((v, k) => v + 1 + (k % 2)),
    );
  });

  it('of QuantizeLinear and DequantizeLinear with one scale', async () => {
    const model = graphOf(
      [
        nodeOf('QuantizeLinear', ['x', 's', 'z'], ['q']),
        nodeOf('DequantizeLinear', ['q', 's', 'z'], ['y']),
      ],
      ['x'],
      [constant('s', DataType.float, [], [0.1]), constant('z', DataType.uint8, [], [128])],
    );
    expect(passStraightThrough(model).replaced).toBe(1);
    await expectExact(model, X);
  });

  it('where all that reads the integers is known', () => {
    const nodes = [
      nodeOf('DynamicQuantizeLinear', ['x'], ['q', 's', 'z']),
      nodeOf('ConvInteger', ['q', 'w', 'z'], ['y']),
    ];
    const model = graphOf(nodes, ['x'], [W]);
    expect(passStraightThrough(model).replaced).toBe(0);
    expect(model.graph.nodes).toEqual(nodes);
  });
});

describe('the score of an int8 matrix', () => {
  it.each([21, 11])('is that of its floats, in operator set %i', async (opset) => {
    // y = x + x W, W (3, 3) of bytes with a scale and a zero point for each column
    const stored = [130, 120, 128, 200, 5, 131, 7, 90, 255];
    const [zeros, scales] = [
      [128, 127, 100],
      [0.01, 0.02, 0.005],
    ];
    const x = { type: DataType.float, dims: [1, 2, 3] };
    const columns = (type: DataType) => ({ type, dims: [3] });
    const b = new Builder(
      [
        ['x', x],
        ['w', { type: DataType.uint8, dims: [3, 3] }],
        ['wz', columns(DataType.uint8)],
        ['ws', columns(DataType.float)],
      ],
      { opset },
    );
    const [whole, scale] = [
      { type: DataType.int32, dims: x.dims },
      { ...x, dims: [] },
    ];
    b.adopt(nodeOf('DynamicQuantizeLinear', ['x'], ['q', 's', 'z']), [
      { type: DataType.uint8, dims: x.dims },
      scale,
      { type: DataType.uint8, dims: [] },
    ]);
    b.adopt(nodeOf('MatMulInteger', ['q', 'w', 'z', 'wz'], ['i']), [whole]);
    b.adopt(nodeOf('Cast', ['i'], ['f'], { to: DataType.float }), [x]);
    const sum = b.add('x', b.mul('f', b.mul('s', 'ws')));
    const model = modelOf(b, {
      name: 'block',
      inputs: ['x', 'w', 'wz', 'ws'],
      outputs: [sum],
      initializers: new Map(),
      source: { irVersion: 10, opsets: new Map([['', opset]]), functions: [] },
    });
    const weight = (name: string, type: 'uint8' | 'float32', data: Uint8Array, dims = [3]) => ({
      input: { name, type, source: { kind: 'weight' } as const },
      ref: { name, type, dims, byteLength: data.length, data },
    });
    const weights = [
      weight('w', 'uint8', Uint8Array.from(stored), [3, 3]),
      weight('wz', 'uint8', Uint8Array.from(zeros)),
      weight('ws', 'float32', constantBytes(DataType.float, scales)),
    ];
    const bound = {
      program: {
        id: 'block-0',
        bytes: encodeInline(model),
        inputs: [
          { name: 'x', type: 'float32', source: { kind: 'residual' } },
          ...weights.map(({ input }) => input),
        ],
        outputs: [{ name: sum, type: 'float32', target: { kind: 'residual' } }],
        ops: countOperators(model.graph),
      },
      weights: new Map(weights.map(({ ref }) => [ref.name, ref])),
      sides: new Map(),
    } as unknown as BoundProgram;
    const roles = [{ weight: 'w', name: 'W', kind: 'linear', sublayer: null }] as const;
    const run = { rows: 1, length: 2 };
    const values = { run, sides: new Map(), stateSize: 3, past: 0, feedsNibbles: true };
    const taps = { roles, accumulate: false, limit: 2 ** 20 };
    const made = blockGradient(gradientClass(bound, values, taps, 'gradient'), bound, roles);
    const driver = await Driver.open({} as ScorePrograms, memoryFolder({}));
    const dy = [0.3, -1, 0.5, 2, 0.25, -0.75];
    const found = await driver.run(made.bound, {
      ...{ windows: [], sides: new Map(), sums: new Map() },
      residual: driver.state(Float32Array.from(X), x.dims),
      gradient: driver.state(Float32Array.from(dy), x.dims),
    });
    await driver.close();
    // sum |W dW|, dW = transpose(x) dy
    const wanted = stored.map((q, at) => {
      const [k, n] = [Math.floor(at / 3), at % 3];
      const value = (q - (zeros[n] as number)) * (scales[n] as number);
      const terms = [0, 1].map((t) => (X[t * 3 + k] as number) * (dy[t * 3 + n] as number));
      return Math.abs(value * terms.reduce((a, c) => a + c));
    });
    const { name = '' } =
      made.bound.program.outputs.find(({ target }) => target.kind === 'taylor') ?? {};
    const [score = 0] = (found.get(name)?.data ?? []) as Float32Array;
    expect(Math.abs(score / wanted.reduce((a, c) => a + c) - 1)).toBeLessThan(1e-5);
  });
});

it('one stored matrix under two scales is refused, not given one of them', () => {
  const product = (scale: string, y: string) =>
    nodeOf('DynamicQuantizeMatMul', ['x', 'w', scale, 'wz'], [y], {}, 'com.microsoft');
  const scale = (name: string, value: number) => constant(name, DataType.float, [1], [value]);
  const asked = (second: string) => () =>
    passStraightThrough(
      graphOf(
        [product('ws', 'y'), product(second, 'v'), nodeOf('Add', ['y', 'v'], ['sum'])],
        ['x'],
        [W, scale('ws', 0.01), scale('vs', 0.02), constant('wz', DataType.uint8, [1], [128])],
      ),
    );
  expect(asked('ws')().replaced).toBe(2);
  expect(asked('vs')).toThrow('under two scales');
});
