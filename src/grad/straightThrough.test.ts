// Products of rounded activations become products of floats, and nothing else is touched.

import { describe, expect, it } from 'vitest';
import { DataType, type Model, type Node, type Tensor } from '../onnx/graph.ts';
import { constantBytes } from './build/literals.ts';
import { evaluateShapes } from './shapes/evaluate.ts';
import { shaped } from './shapes/value.ts';
import { passStraightThrough } from './straightThrough.ts';
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
    expect(passStraightThrough(model)).toBe(1);
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
      expect(passStraightThrough(model)).toBe(1);
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
    expect(passStraightThrough(model)).toBe(1);
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
    expect(passStraightThrough(model)).toBe(1);
    await expectExact(model, X);
  });

  it('where all that reads the integers is known', () => {
    const nodes = [
      nodeOf('DynamicQuantizeLinear', ['x'], ['q', 's', 'z']),
      nodeOf('ConvInteger', ['q', 'w', 'z'], ['y']),
    ];
    const model = graphOf(nodes, ['x'], [W]);
    expect(passStraightThrough(model)).toBe(0);
    expect(model.graph.nodes).toEqual(nodes);
  });
});
