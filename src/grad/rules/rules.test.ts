// Every rule against finite differences of its operator, on small tensors.

import { describe, expect, it } from 'vitest';
import { DataType } from '../../onnx/graph.ts';
import type { Builder } from '../build/builder.ts';
import { type Checked, checkGradient, type Sample, wave } from '../testing/check.ts';
import { RULES } from './table.ts';

const X: Sample = wave([3, 4], 0.3);
const Y: Sample = wave([3, 4], 1.9);
/** Away from zero: for quotients, roots, logarithms. */
const POSITIVE: Sample = wave([3, 4], 0.5, 0.6, 1.8);
const ROW: Sample = wave([4], 2.4, 0.5, 1.2);
const CUBE: Sample = wave([2, 3, 4], 0.9);

interface Case {
  op: string;
  form?: string;
  inputs: readonly Sample[];
  forward: (b: Builder, x: readonly string[]) => readonly string[];
  opset?: number;
  fixed?: readonly number[];
}

const unary = (op: string, x: Sample = X): Case => ({
  op,
  inputs: [x],
  forward: (b, [a = '']) => [b.unary(op, a)],
});

const binary = (op: string, a: Sample, c: Sample, form = ''): Case => ({
  op,
  form,
  inputs: [a, c],
  forward: (b, [x = '', y = '']) => [b.binary(op, x, y)],
});

/** An operator of one operand with attributes and further int64 operands. */
const moving = (
  op: string,
  form: string,
  x: Sample,
  dims: readonly number[],
  attributes: Record<string, number | readonly number[]>,
  ...operands: readonly (readonly number[])[]
): Case => ({
  op,
  form,
  inputs: [x],
  forward: (b, [a = '']) => [
    b.op(op, [a, ...operands.map((list) => b.ints(list))], dims, attributes),
  ],
});

const CASES: readonly Case[] = [
  ...['Neg', 'Sigmoid', 'Tanh', 'Erf', 'Exp', 'Sin', 'Cos', 'Softplus', 'Identity'].map((op) =>
    unary(op),
  ),
  ...['Sqrt', 'Reciprocal', 'Log'].map((op) => unary(op, POSITIVE)),
  ...['Abs', 'Relu'].map((op) => unary(op, wave([3, 4], 0.35, 2))),
  ...['Add', 'Sub', 'Mul'].map((op) => binary(op, X, Y)),
  ...['Add', 'Sub', 'Mul', 'Max', 'Min'].map((op) => binary(op, X, ROW, 'with a row')),
  binary('Div', X, POSITIVE),
  binary('Div', CUBE, ROW, 'by a row'),
  binary('Mul', wave([3, 1], 1), ROW, 'of a column and a row'),
  {
    op: 'Mul',
    form: 'of a value with itself',
    inputs: [X],
    forward: (b, [x = '']) => [b.mul(x, x)],
  },
  {
    op: 'Sum',
    inputs: [X, ROW, Y],
    forward: (b, x) => [b.op('Sum', x, [3, 4])],
  },
  ...[1, 2, 3, 0.5, -0.5, 1.7].map(
    (p): Case => ({
      op: 'Pow',
      form: `to ${p}`,
      inputs: [p === 2 || p === 3 ? X : POSITIVE],
      forward: (b, [x = '']) => [b.op('Pow', [x, b.scalar(p)], [3, 4])],
    }),
  ),
  {
    op: 'Clip',
    inputs: [X],
    forward: (b, [x = '']) => [b.op('Clip', [x, b.scalar(-0.55), b.scalar(0.7)], [3, 4])],
  },
  {
    op: 'Cast',
    inputs: [X],
    forward: (b, [x = '']) => [b.cast(b.cast(x, DataType.double), DataType.float)],
  },
  {
    op: 'CastLike',
    inputs: [X, Y],
    fixed: [1],
    forward: (b, [x = '', y = '']) => [b.op('CastLike', [x, y], [3, 4])],
  },
  {
    op: 'Where',
    inputs: [X, ROW],
    forward: (b, [x = '', row = '']) => [
      b.where(b.constant(DataType.bool, [3, 1], [1, 0, 1]), x, row),
    ],
  },
  moving('Reshape', '', CUBE, [4, 6], {}, [4, 6]),
  moving('Unsqueeze', '', X, [3, 1, 4], {}, [1]),
  moving('Squeeze', '', wave([3, 1, 4], 1), [3, 4], {}, [1]),
  moving('Flatten', '', CUBE, [2, 12], { axis: 1 }),
  moving('Transpose', '', CUBE, [4, 2, 3], { perm: [2, 0, 1] }),
  moving('Transpose', 'without a permutation', CUBE, [4, 3, 2], {}),
  moving('Expand', '', wave([3, 1], 1), [2, 3, 4], {}, [2, 3, 4]),
  moving('Tile', '', X, [6, 4], {}, [2, 1]),
  moving('Slice', 'of two axes', CUBE, [2, 2, 2], {}, [1, -3], [9, -1], [1, 2], [1, 1]),
  moving('Slice', 'with steps', wave([3, 7], 1), [3, 3], {}, [1], [7], [1], [2]),
  moving(
    'Slice',
    'with a step that leaves a rest',
    wave([3, 8], 1),
    [3, 3],
    {},
    [0],
    [8],
    [-1],
    [3],
  ),
  moving('Slice', 'without axes', X, [1, 3], {}, [1, 0], [2, 3]),
  moving('Gather', 'of a list', X, [3, 5], { axis: 1 }, [2, 3, 0, -1, 2]),
  {
    op: 'Gather',
    form: 'of one index',
    inputs: [CUBE],
    forward: (b, [x = '']) => [
      b.op('Gather', [x, b.constant(DataType.int64, [], [1])], [2, 4], { axis: 1 }),
    ],
  },
  {
    op: 'Gather',
    form: 'at computed indices',
    inputs: [X],
    forward: (b, [x = '']) => {
      const places = b.op('ArgMax', [x], [3], { axis: 1, keepdims: 0 }, { type: DataType.int64 });
      return [b.op('Gather', [x, places], [3, 3], { axis: 1 })];
    },
  },
  moving('Pad', '', X, [5, 4], {}, [1, 0, 1, 0]),
  moving('ReduceSum', '', CUBE, [2, 1, 4], { keepdims: 1 }, [1]),
  moving('ReduceSum', 'of all', CUBE, [], { keepdims: 0 }),
  moving('ReduceMean', '', CUBE, [2, 3], { keepdims: 0 }, [-1]),
  moving('ReduceSumSquare', '', CUBE, [2, 1, 4], { keepdims: 1 }, [1]),
  moving('ReduceL2', '', CUBE, [2, 3, 1], { keepdims: 1 }, [2]),
  {
    ...moving('ReduceMean', 'with axes as an attribute', CUBE, [2, 3, 1], { axes: [2] }),
    opset: 17,
  },
  {
    op: 'Concat',
    inputs: [X, wave([2, 4], 1)],
    forward: (b, x) => [b.concat(x, 0)],
  },
  {
    op: 'Split',
    inputs: [X],
    forward: (b, [x = '']) =>
      b.ops(
        'Split',
        [x, b.ints([1, 3])],
        [1, 3].map((n) => ({ type: DataType.float, dims: [3, n] })),
        { axis: -1 },
      ),
  },
  {
    op: 'Split',
    form: 'of which one part is not read',
    inputs: [X],
    forward: (b, [x = '']) =>
      b
        .ops(
          'Split',
          [x, b.ints([1, 3])],
          [1, 3].map((n) => ({ type: DataType.float, dims: [3, n] })),
          { axis: -1 },
        )
        .slice(1),
  },
  {
    op: 'MatMul',
    form: 'with a matrix',
    inputs: [CUBE, wave([4, 5], 0.2)],
    forward: (b, [x = '', w = '']) => [b.matmul(x, w)],
  },
  {
    op: 'MatMul',
    form: 'with a transposed matrix',
    inputs: [CUBE, wave([5, 4], 0.2)],
    forward: (b, [x = '', w = '']) => [b.matmul(x, b.transpose(w, [1, 0]))],
  },
  {
    op: 'MatMul',
    form: 'with one matrix twice',
    inputs: [X, wave([4, 4], 0.2)],
    forward: (b, [x = '', w = '']) => [b.matmul(b.unary('Tanh', b.matmul(x, w)), w)],
  },
  {
    op: 'MatMul',
    form: 'of two stacks',
    inputs: [wave([2, 3, 4], 0.2), wave([1, 4, 5], 0.6)],
    forward: (b, [x = '', y = '']) => [
      b.matmul(x, b.op('Expand', [y, b.ints([2, 4, 5])], [2, 4, 5])),
    ],
  },
  {
    op: 'MatMul',
    form: 'of stacks that are broadcast',
    inputs: [wave([1, 3, 4], 0.2), wave([2, 4, 5], 0.6)],
    forward: (b, [x = '', y = '']) => [b.matmul(x, y)],
  },
  ...[0, 1].flatMap((transA) =>
    [0, 1].map(
      (transB): Case => ({
        op: 'Gemm',
        form: `transA ${transA}, transB ${transB}`,
        inputs: [
          wave(transA ? [4, 3] : [3, 4], 0.1),
          wave(transB ? [5, 4] : [4, 5], 0.2),
          wave([5], 0.3),
        ],
        forward: (b, x) => [
          b.op('Gemm', x, [3, 5], { transA, transB, alpha: { float: 0.5 }, beta: { float: 2 } }),
        ],
      }),
    ),
  ),
  {
    op: 'Einsum',
    inputs: [wave([2, 3, 4], 0.2), wave([2, 5, 4], 0.6)],
    forward: (b, x) => [b.op('Einsum', x, [2, 3, 5], { equation: 'bij,bkj->bik' })],
  },
  moving('Softmax', '', CUBE, [2, 3, 4], { axis: -1 }),
  moving('Softmax', 'of an inner axis', CUBE, [2, 3, 4], { axis: 1 }),
  moving('LogSoftmax', '', X, [3, 4], { axis: -1 }),
  moving('LpNormalization', '', X, [3, 4], { axis: -1, p: 2 }),
  ...['SimplifiedLayerNormalization', 'RMSNormalization'].map(
    (op): Case => ({
      op,
      inputs: [CUBE, ROW],
      opset: op === 'RMSNormalization' ? 23 : 21,
      forward: (b, x) => [
        b.op(op, x, [2, 3, 4], { axis: -1, epsilon: { float: 1e-3 }, stash_type: 1 }),
      ],
    }),
  ),
  {
    op: 'LayerNormalization',
    inputs: [CUBE, ROW, wave([4], 0.3)],
    forward: (b, x) => [
      b.op('LayerNormalization', x, [2, 3, 4], { axis: -1, epsilon: { float: 1e-3 } }),
    ],
  },
  {
    op: 'TopK',
    inputs: [X],
    forward: (b, [x = '']) =>
      b
        .ops(
          'TopK',
          [x, b.ints([2])],
          [DataType.float, DataType.int64].map((type) => ({ type, dims: [3, 2] })),
          { axis: -1 },
        )
        .slice(0, 1),
  },
  {
    op: 'GatherElements',
    inputs: [X],
    forward: (b, [x = '']) => {
      const indices = b.constant(DataType.int64, [3, 2], [0, 2, 3, 3, 1, 2]);
      return [b.op('GatherElements', [x, indices], [3, 2], { axis: 1 })];
    },
  },
  {
    op: 'ScatterElements',
    inputs: [X, wave([3, 2], 0.3)],
    forward: (b, [x = '', u = '']) => [
      b.op(
        'ScatterElements',
        [x, b.constant(DataType.int64, [3, 2], [0, 2, 3, 1, 1, 2]), u],
        [3, 4],
        {
          axis: 1,
        },
      ),
    ],
  },
];

describe('the rule of', () => {
  it.each(CASES.map((c): [string, Case] => [`${c.op} ${c.form ?? ''}`.trim(), c]))(
    '%s agrees with finite differences',
    async (_, { inputs, forward, opset, fixed }) => {
      const { error, largest }: Checked = await checkGradient(inputs, forward, {
        ...(opset ? { opset } : {}),
        ...(fixed ? { fixed } : {}),
      });
      expect(largest).toBeGreaterThan(0.05);
      expect(error).toBeLessThan(1e-3);
    },
  );

  it.each(['Softmax', 'LogSoftmax'])(
    '%s over all axes from one on, as before operator set 13, is refused',
    async (op) => {
      const asked = checkGradient([CUBE], (b, [x = '']) => [b.op(op, [x], [2, 3, 4])], {
        opset: 11,
      });
      await expect(asked).rejects.toThrow(/cannot be differentiated over several axes/);
    },
  );

  it('every operator of the table is tried above', () => {
    const tried = new Set(CASES.map(({ op }) => op));
    expect(Object.keys(RULES).filter((op) => !tried.has(op))).toEqual([]);
  });
});
