// An adapter behind a product is what adding it to the stored matrix makes of the product, in every
// form in which graphs multiply.

import { expect, it } from 'vitest';
import type { BoundProgram, ScorePrograms, WeightRef } from '../../model/programs/program.ts';
import { encodeInline, programModel } from '../../model/programs/programModel.ts';
import { DataType, type Node } from '../../onnx/graph.ts';
import { countOperators } from '../../onnx/operators.ts';
import { memoryFolder } from '../../onnx/testing/text.ts';
import { inputValues } from '../shapes/programInputs.ts';
import { noise } from '../testing/directional.ts';
import { Driver } from '../testing/driver.ts';
import { graphOf, nodeOf } from '../testing/smallGraphs.ts';
import { adaptersOf, withAdapters } from './adapters.ts';
import { findProducts, valuesOf } from './products.ts';
import { rebound } from './trainedWeights.ts';

const [B, S, C, N, RANK, SCALE] = [2, 3, 8, 12, 2, 1.5];
const MICROSOFT = 'com.microsoft';

interface Form {
  nodes: Node[];
  /** The matrix is stored as (columns, inputs). */
  turned?: boolean;
  split?: boolean;
}

const by = (op: string, attributes = {}, domain = ''): Node =>
  nodeOf(op, ['x', 'w'], ['y'], attributes, domain);

/** The product of flattened rows with a Gemm, and back. */
const gemm = (attributes: Parameters<typeof nodeOf>[3]): Node[] => [
  nodeOf('Constant', [], ['rows'], { value_ints: [-1, C] }),
  nodeOf('Constant', [], ['whole'], { value_ints: [B, S, N] }),
  nodeOf('Reshape', ['x', 'rows'], ['flat']),
  nodeOf('Gemm', ['flat', 'w', 'bias'], ['product'], attributes),
  nodeOf('Reshape', ['product', 'whole'], ['y']),
];

const FORMS: Record<string, Form> = {
  MatMul: { nodes: [by('MatMul')] },
  'MatMul of a transposed matrix': {
    nodes: [
      nodeOf('Transpose', ['w'], ['turned'], { perm: [1, 0] }),
      nodeOf('Identity', ['turned'], ['same']),
      nodeOf('MatMul', ['x', 'same'], ['y']),
    ],
    turned: true,
  },
  Gemm: { nodes: gemm({ alpha: { float: 0.5 } }) },
  'Gemm of a transposed matrix': { nodes: gemm({ transB: 1 }), turned: true },
  FusedMatMul: {
    nodes: [by('FusedMatMul', { alpha: { float: 0.25 }, transB: 1 }, MICROSOFT)],
    turned: true,
  },
  'query, key and value by Split': {
    nodes: [
      by('MatMul'),
      nodeOf('Constant', [], ['sizes'], { value_ints: [6, 3, 3] }),
      nodeOf('Split', ['y', 'sizes'], ['q', 'k', 'v'], { axis: -1 }),
      nodeOf('Concat', ['v', 'q', 'k'], ['z'], { axis: -1 }),
    ],
    split: true,
  },
  'query, key and value by Slice': {
    nodes: [
      by('MatMul'),
      ...[0, 4, 8, 12].map((at) => nodeOf('Constant', [], [`at${at}`], { value_ints: [at] })),
      nodeOf('Constant', [], ['axis'], { value_ints: [2] }),
      nodeOf('Slice', ['y', 'at0', 'at4', 'axis'], ['q']),
      nodeOf('Slice', ['y', 'at4', 'at8', 'axis'], ['k']),
      nodeOf('Slice', ['y', 'at8', 'at12', 'axis'], ['v']),
      nodeOf('Concat', ['v', 'q', 'k'], ['z'], { axis: -1 }),
    ],
    split: true,
  },
};

function refOf(dims: number[], values: readonly number[]): WeightRef {
  const data = new Uint8Array(Float32Array.from(values).buffer);
  return { name: '', type: 'float32', dims, byteLength: data.length, data };
}

function boundOf(nodes: readonly Node[], weights: Record<string, WeightRef>): BoundProgram {
  const type = DataType.float;
  const model = graphOf(nodes, ['x', ...Object.keys(weights)], [], 21);
  const { graph } = model;
  graph.inputs = graph.inputs.map(({ name }) => {
    return { name, type, dims: weights[name]?.dims ?? ['batch', 'sequence', C] };
  });
  const output = nodes.at(-1)?.outputs[0] ?? '';
  graph.outputs = [{ name: output, type, dims: null }];
  const program = {
    id: `plain-${Object.keys(weights).length}-${weights.w?.data.length}`,
    bytes: encodeInline(model),
    inputs: [
      { name: 'x', type: 'float32', source: { kind: 'residual' } } as const,
      ...Object.keys(weights).map((name) => {
        return { name, type: 'float32', source: { kind: 'weight' } } as const;
      }),
    ],
    outputs: [{ name: output, type: 'float32', target: { kind: 'residual' } } as const],
    ops: countOperators(graph),
  };
  return { program, weights: new Map(Object.entries(weights)), sides: new Map() };
}

it.each(Object.entries(FORMS))('%s', async (_, { nodes, turned, split }) => {
  const matrix = noise(C * N, 1);
  const dims = turned ? [N, C] : [C, N];
  const weights = (w: readonly number[]) => {
    const all = { w: refOf(dims, w), bias: refOf([N], noise(N, 2)) };
    const read = nodes.some(({ inputs }) => inputs.includes('bias'));
    return boundOf(nodes, read ? all : { w: all.w });
  };
  const original = weights(matrix);
  const inputs = inputValues(original, { rows: B, length: S }, new Map(), C);
  const model = programModel(original.program);
  const values = valuesOf(original.program, inputs);
  const { products, exempt } = findProducts(model, new Set(['w']), values);
  expect([products.length, exempt.size]).toEqual([1, 0]);
  const adapters = adaptersOf(products, true);
  expect(adapters.length).toBe(split ? 3 : 1);
  const form = { rank: RANK, scale: SCALE, dropout: false };
  const adapted = withAdapters(original.program, model, adapters, form, 'adapted');

  const driver = await Driver.open({} as ScorePrograms, memoryFolder({}));
  const residual = driver.state(Float32Array.from(noise(B * S * C, 3)), [B, S, C]);
  const trained = new Map<string, ReturnType<Driver['state']>>();
  const merged = [...matrix];
  for (const [k, { name, columns }] of adapters.entries()) {
    const [from, to] = columns;
    const [a, b] = [noise(C * RANK, 4 + k), noise(RANK * (to - from), 9 + k)];
    trained.set(`${name}/a`, driver.state(Float32Array.from(a), [C, RANK]));
    trained.set(`${name}/b`, driver.state(Float32Array.from(b), [RANK, to - from]));
    for (let row = 0; row < C; row++)
      for (let column = from; column < to; column++)
        for (let j = 0; j < RANK; j++)
          merged[turned ? column * C + row : row * N + column]! +=
            SCALE * (a[row * RANK + j] ?? 0) * (b[j * (to - from) + column - from] ?? 0);
  }
  const run = async (bound: BoundProgram): Promise<number[]> => {
    const found = await driver.run(bound, { windows: [], sides: new Map(), residual, trained });
    const [y] = [...found.values()];
    return y ? [...(y.data as Float32Array)] : [];
  };
  const before = await run(original);
  const behind = await run(rebound(adapted, original));
  const inside = await run({ ...weights(merged), program: original.program });
  for (const [k, value] of inside.entries()) expect(behind[k]).toBeCloseTo(value, 5);
  expect(Math.max(...behind.map((value, k) => Math.abs(value - (before[k] ?? 0))))).toBeGreaterThan(
    0.05,
  );
  await driver.close();
});
