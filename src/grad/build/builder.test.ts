// What a builder refuses and shares; that its nodes compute is for the tests of rules.

import { describe, expect, it } from 'vitest';
import { DataType } from '../../onnx/graph.ts';
import { Builder } from './builder.ts';

const float = (...dims: number[]) => ({ type: DataType.float, dims });

const builder = (opset = 21): Builder =>
  new Builder(
    [
      ['x', float(2, 3)],
      ['y', float(4, 3)],
      ['row', float(3)],
      ['ids', { type: DataType.int64, dims: [2, 3] }],
      ['grad/0_Add', float(1)],
    ],
    { opset },
  );

describe('a builder', () => {
  it.each<[string, (b: Builder) => string]>([
    ['a product of matrices that do not fit', (b) => b.matmul('x', 'y')],
    ['a Gemm of matrices that do not fit', (b) => b.gemm('x', 'y', { transA: true })],
    ['a sum of values that cannot be broadcast', (b) => b.add('x', 'y')],
    ['operands of two types', (b) => b.add('x', 'ids')],
    ['a Reshape to another number of elements', (b) => b.reshape('x', [5])],
    ['an Expand of an axis that is not 1', (b) => b.expand('x', [4, 3])],
    ['a Concat of other widths', (b) => b.concat(['x', 'row'], 0)],
    ['an axis that is not there', (b) => b.sum('x', [2])],
    ['a permutation of another rank', (b) => b.transpose('x', [0, 1, 2])],
    ['a sum down to dims that were not broadcast', (b) => b.unbroadcast('x', [3, 3])],
    ['a value that is not known', (b) => b.unary('Neg', 'z')],
    ['a constant of too few values', (b) => b.constant(DataType.float, [2], [1])],
  ])('refuses %s', (_, make) => {
    expect(() => make(builder())).toThrow(expect.objectContaining({ code: 'bug' }));
  });

  it('gives names that nothing has', () => {
    const b = builder();
    expect(b.add('x', 'row')).not.toBe('grad/0_Add');
    expect(new Set(b.nodes.flatMap(({ outputs }) => outputs)).size).toBe(b.nodes.length);
  });

  it('keeps equal constants once, and unequal ones apart', () => {
    const b = builder();
    expect(b.ints([1, 2])).toBe(b.ints([1, 2]));
    expect(b.ints([1, 2])).not.toBe(b.ints([1, 3]));
    expect(b.scalar(1)).not.toBe(b.constant(DataType.float, [1], [1]));
    expect(b.scalar(0)).not.toBe(b.scalar(0, DataType.int32));
  });

  it('appends nothing for what changes nothing', () => {
    const b = builder();
    b.reshape('x', [2, 3]);
    b.transpose('x', [0, 1]);
    b.slice('x', 1, 0, 3);
    b.pad('x', 0, 0, 0);
    b.unbroadcast('x', [2, 3]);
    b.scale('x', 1);
    expect(b.nodes).toEqual([]);
  });

  it('sums broadcast axes away, leading ones too', () => {
    const b = builder();
    expect(b.dims(b.unbroadcast('x', [1]))).toEqual([1]);
    expect(b.dims(b.unbroadcast('x', [2, 1]))).toEqual([2, 1]);
    expect(b.dims(b.unbroadcast('x', []))).toEqual([]);
  });

  it('writes the axes of a sum as its operator set has them', () => {
    const [older, newer] = [builder(12), builder(13)];
    older.sum('x', [0]);
    newer.sum('x', [0]);
    expect(older.nodes[0]?.attributes.has('axes')).toBe(true);
    expect(newer.nodes[0]?.inputs).toHaveLength(2);
  });
});
