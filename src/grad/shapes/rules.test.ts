// The rule of shapes of each operator, held to ONNX Runtime's result.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataType, elementCount, type Tensor } from '../../onnx/graph.ts';
import type { AttributeValue } from '../build/attributes.ts';
import { constantBytes } from '../build/literals.ts';
import { differs } from '../testing/runtimeShapes.ts';
import { type Result, runtimeValues } from '../testing/runtimeValues.ts';
import { graphOf, nodeOf } from '../testing/smallGraphs.ts';
import { evaluateShapes } from './evaluate.ts';

interface Operand {
  dims: readonly number[];
  data: readonly number[];
  type?: number;
}

interface Case {
  op: string;
  operands: readonly (Operand | null)[];
  attributes?: Readonly<Record<string, AttributeValue>>;
  outputs?: number;
}

const list = (data: readonly number[]): Operand => ({ dims: [data.length], data });

/** Evaluates one operator on constants: type, dims and content must be those of ONNX Runtime. */
async function check({ op, operands, attributes = {}, outputs = 1 }: Case): Promise<void> {
  const tensors = operands.flatMap((operand, k): Tensor[] => {
    if (!operand) return [];
    const type = operand.type ?? DataType.int64;
    const data = constantBytes(type, operand.data);
    return [{ name: `x${k}`, type, dims: operand.dims, data }];
  });
  const names = operands.map((operand, k) => (operand ? `x${k}` : ''));
  const out = Array.from({ length: outputs }, (_, k) => `y${k}`);
  const model = graphOf([nodeOf(op, names, out, attributes)], [], tensors);
  const values = evaluateShapes(model, new Map());
  for (const [name, result] of await runtimeValues(model, new Map())) {
    expect(differs(values.get(name), result as Result), `${op} ${name}`).toBeNull();
    expect(values.get(name)?.data).not.toBeNull();
  }
}

const size = fc.integer({ min: 1, max: 4 });
const dimsOf = (minLength: number, maxLength = 4): fc.Arbitrary<number[]> =>
  fc.array(size, { minLength, maxLength });
/** Numbers of these dims; the same for the same dims. */
const counted = (dims: readonly number[]): Operand => ({
  dims,
  data: Array.from({ length: elementCount(dims) }, (_, k) => ((k * 7) % 11) - 4),
});
const axisOf = (dims: readonly number[]): fc.Arbitrary<number> =>
  fc.integer({ min: -dims.length, max: dims.length - 1 });

/** For each name a case made of random choices. */
const CASES: Record<string, fc.Arbitrary<Case>> = {
  Slice: dimsOf(1).chain((dims) => {
    const bound = fc.oneof(fc.integer({ min: -6, max: 6 }), fc.constantFrom(2 ** 63, -(2 ** 63)));
    return fc
      .record({
        axes: fc.subarray([...dims.keys()], { minLength: 1 }),
        starts: fc.tuple(bound, bound, bound, bound),
        ends: fc.tuple(bound, bound, bound, bound),
        steps: fc.tuple(...[0, 1, 2, 3].map(() => fc.constantFrom(-3, -2, -1, 1, 2, 3))),
        fromEnd: fc.boolean(),
      })
      .map(({ axes, starts, ends, steps, fromEnd }) => ({
        op: 'Slice',
        operands: [
          counted(dims),
          ...[starts, ends].map((x) => list(x.slice(0, axes.length))),
          list(axes.map((axis) => (fromEnd ? axis - dims.length : axis))),
          list(steps.slice(0, axes.length)),
        ],
      }));
  }),
  'Reshape with 0 and -1': dimsOf(2).chain((dims) =>
    fc
      .record({
        kept: fc.integer({ min: 0, max: dims.length - 1 }),
        free: fc.boolean(),
      })
      .map(({ kept, free }) => {
        const rest = elementCount(dims.slice(kept));
        return {
          op: 'Reshape',
          operands: [counted(dims), list([...dims.slice(0, kept).fill(0), free ? -1 : rest, 1])],
        };
      }),
  ),
  'broadcasting of three': fc
    .record({ dims: dimsOf(1), ones: fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }) })
    .chain(({ dims, ones }) =>
      fc.tuple(...[0, 1, 2].map(() => fc.integer({ min: 0, max: dims.length }))).map((cuts) => ({
        op: 'Where',
        operands: cuts.map((cut, k) => {
          const part = dims.map((d, j) => (ones[k * 4 + j] ? 1 : d)).slice(cut);
          const operand = counted(part);
          return k > 0
            ? operand
            : { ...operand, data: operand.data.map((x) => x & 1), type: DataType.bool };
        }),
      })),
    ),
  'integer division': fc
    .array(fc.tuple(fc.integer({ min: -50, max: 50 }), fc.constantFrom(-7, -2, 1, 3, 8)), {
      minLength: 1,
    })
    .map((pairs) => ({
      op: 'Div',
      operands: [list(pairs.map(([a]) => a)), list(pairs.map(([, b]) => b))],
    })),
  Mod: fc
    .record({ a: fc.integer({ min: -50, max: 50 }), b: fc.constantFrom(-7, -2, 1, 3, 8) })
    .chain(({ a, b }) =>
      fc.constantFrom(0, 1).map((fmod) => ({
        op: 'Mod',
        operands: [list([a]), list([b])],
        attributes: { fmod },
      })),
    ),
  Transpose: dimsOf(1).chain((dims) =>
    fc
      .shuffledSubarray([...dims.keys()], { minLength: dims.length })
      .map((perm) => ({ op: 'Transpose', operands: [counted(dims)], attributes: { perm } })),
  ),
  Expand: dimsOf(1).chain((dims) =>
    fc.tuple(dimsOf(0, 2), fc.array(fc.boolean(), { minLength: 4, maxLength: 4 })).map(
      ([before, ones]): Case => ({
        op: 'Expand',
        operands: [
          counted(dims.map((d, k) => (ones[k] ? 1 : d))),
          list([...before, ...dims.map((d, k) => (ones[k + 1] ? d : d))]),
        ],
      }),
    ),
  ),
  Tile: dimsOf(1, 3).chain((dims) =>
    fc
      .array(fc.integer({ min: 0, max: 3 }), { minLength: dims.length, maxLength: dims.length })
      .map((repeats) => ({ op: 'Tile', operands: [counted(dims), list(repeats)] })),
  ),
  Concat: dimsOf(1, 3).chain((dims) =>
    fc.tuple(axisOf(dims), fc.array(size, { minLength: 1, maxLength: 3 })).map(([axis, sizes]) => ({
      op: 'Concat',
      operands: sizes.map((n) =>
        counted(
          dims.map((d, k) =>
            dims.at(axis) === d && k === (axis < 0 ? axis + dims.length : axis) ? n : d,
          ),
        ),
      ),
      attributes: { axis },
    })),
  ),
  Split: dimsOf(1, 3).chain((dims) =>
    fc.tuple(axisOf(dims), fc.array(size, { minLength: 1, maxLength: 3 })).map(([axis, sizes]) => {
      const at = axis < 0 ? axis + dims.length : axis;
      const total = sizes.reduce((a, b) => a + b);
      return {
        op: 'Split',
        operands: [counted(dims.map((d, k) => (k === at ? total : d))), list(sizes)],
        attributes: { axis },
        outputs: sizes.length,
      };
    }),
  ),
  Gather: dimsOf(1, 3).chain((dims) =>
    fc.tuple(axisOf(dims), dimsOf(0, 2), fc.boolean()).map(([axis, of, negative]) => {
      const n = dims.at(axis) as number;
      const data = counted(of).data.map((x) => (Math.abs(x) % n) - (negative ? n : 0));
      return { op: 'Gather', operands: [counted(dims), { dims: of, data }], attributes: { axis } };
    }),
  ),
  GatherND: dimsOf(2, 4).chain((dims) =>
    fc
      .record({
        batch: fc.integer({ min: 0, max: 1 }),
        depth: fc.integer({ min: 1, max: dims.length - 1 }),
        rows: size,
      })
      .map(({ batch, depth, rows }) => {
        const of = [...dims.slice(0, batch), rows, depth];
        const data = counted(of).data.map(
          (x, k) => Math.abs(x) % (dims[batch + (k % depth)] as number),
        );
        return {
          op: 'GatherND',
          operands: [counted(dims), { dims: of, data }],
          attributes: { batch_dims: batch },
        };
      }),
  ),
  ScatterND: dimsOf(1, 3).chain((dims) =>
    fc.integer({ min: 1, max: dims.length }).map((depth) => {
      const data = dims.slice(0, depth).map((d) => d - 1);
      return {
        op: 'ScatterND',
        operands: [counted(dims), { dims: [1, depth], data }, counted([1, ...dims.slice(depth)])],
      };
    }),
  ),
  Trilu: fc
    .tuple(dimsOf(2, 3), fc.constantFrom(0, 1), fc.integer({ min: -3, max: 3 }))
    .map(([dims, upper, k]) => ({
      op: 'Trilu',
      operands: [counted(dims), { dims: [], data: [k] }],
      attributes: { upper },
    })),
  CumSum: dimsOf(1, 3).chain((dims) =>
    fc
      .tuple(axisOf(dims), fc.constantFrom(0, 1), fc.constantFrom(0, 1))
      .map(([axis, exclusive, reverse]) => ({
        op: 'CumSum',
        operands: [counted(dims), { dims: [], data: [axis] }],
        attributes: { exclusive, reverse },
      })),
  ),
  'Unsqueeze, Squeeze': fc
    .tuple(dimsOf(0, 3), fc.constantFrom([0], [-1], [0, -1], [1, 0]))
    .filter(([dims, axes]) => dims.length + axes.length > 1)
    .map(([dims, axes]) => ({ op: 'Unsqueeze', operands: [counted(dims), list(axes)] })),
  Range: fc
    .tuple(
      fc.integer({ min: -9, max: 9 }),
      fc.integer({ min: -9, max: 9 }),
      fc.constantFrom(-2, 1, 3),
    )
    .map((ends) => ({ op: 'Range', operands: ends.map((x) => ({ dims: [], data: [x] })) })),
  NonZero: dimsOf(1, 3).map((dims) => ({ op: 'NonZero', operands: [counted(dims)] })),
  ...Object.fromEntries(
    ['ReduceSum', 'ReduceMax', 'ReduceMin', 'ReduceProd'].map((op) => [
      op,
      dimsOf(1, 3).chain((dims) =>
        fc.tuple(fc.subarray([...dims.keys()]), fc.constantFrom(0, 1)).map(([axes, keepdims]) => ({
          op,
          operands: [counted(dims), list(axes.map((axis) => axis - dims.length))],
          attributes: { keepdims },
        })),
      ),
    ]),
  ),
};

describe('one operator on random constants gives what ONNX Runtime gives', () => {
  for (const [name, cases] of Object.entries(CASES))
    it(name, () => fc.assert(fc.asyncProperty(cases, check), { numRuns: 30 }));
});
