// Computed matrices against their definition: the same bytes from any place, in any order.

import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { golden, samplePath } from '../../testing/fixtures.ts';
import { BytesReader, derive } from '../bytes.ts';
import { DataType } from '../graph.ts';
import { readModel } from '../read.ts';
import { all, bytesOf, counted, floats, sameFromAnyPlace } from '../testing/derived.ts';
import { diskFolder } from '../testing/diskFolder.ts';
import { linearParts } from './linear.ts';
import { transposedSource } from './transpose.ts';

describe('a low-rank addition', () => {
  const [inputs, outputs, rank, scale] = [7, 12, 3, 0.3];
  const [from, to] = [4, 9];
  const w = floats(inputs * outputs, 1);
  const a = floats(rank * inputs, 2);
  const b = floats((to - from) * rank, 3);
  const added = (input: number, output: number): number => {
    let sum = 0;
    if (output >= from && output < to)
      for (let r = 0; r < rank; r++)
        sum += scale * b[(output - from) * rank + r]! * a[r * inputs + input]!;
    return sum;
  };

  it.each(['in-out', 'out-in'] as const)('is W + scale (B A), stored %s', async (order) => {
    const [rows, columns] = order === 'in-out' ? [inputs, outputs] : [outputs, inputs];
    const parameters = { rows, columns, order, rank, scale, from, to };
    const data = derive('low-rank-added', [bytesOf(w), bytesOf(a), bytesOf(b)], 'w', parameters);
    const expected = w.map((value, k) => {
      const [row, column] = [Math.floor(k / columns), k % columns];
      return value + (order === 'in-out' ? added(row, column) : added(column, row));
    });
    const found = new Float32Array((await all(data)).buffer as ArrayBuffer);
    found.forEach((value, k) => {
      expect(value).toBeCloseTo(expected[k]!, 6);
    });
    await sameFromAnyPlace(data);
  });
});

describe('a transposition', () => {
  it('exchanges rows and columns, in stripes of any height', async () => {
    const [rows, columns] = [5, 13];
    const values = floats(rows * columns, 1);
    const expected = Float32Array.from(
      values,
      (_, k) => values[(k % rows) * columns + Math.floor(k / rows)]!,
    );
    const data = derive('transposed', [bytesOf(values)], 'w', { rows, columns });
    expect(await all(data)).toEqual(bytesOf(expected));
    await sameFromAnyPlace(data);
    for (const stripe of [1, 60, 1000]) {
      const source = counted(bytesOf(values));
      const made = transposedSource([source], { rows, columns }, 'w', { stripe, panel: 50 });
      expect(await made.read(0, made.size)).toEqual(bytesOf(expected));
      const height = Math.min(columns, Math.max(1, Math.floor(stripe / (rows * 4))));
      expect(source.bytes).toBe(values.length * 4 * Math.ceil(columns / height));
    }
  });
});

interface LinearGolden {
  linear: { matrix: string; block: number; zeros: boolean; sha256: string[]; first: string[] }[];
}

describe('integers under scales of rows, columns or blocks', () => {
  const [rows, columns] = [10, 7];
  const values = bytesOf(floats(rows * columns, 4));
  const { int4, uint4, int8, uint8, float, float16 } = DataType;
  const form = { rows, columns, blockRows: 4, blockColumns: 1, type: int4, scales: float };

  it('are those of ONNX Runtime where it makes blocks of 4 bits', async () => {
    const folder = diskFolder(samplePath());
    const { graph } = await readModel(folder, 'onnx/model.onnx');
    const reader = new BytesReader(folder);
    for (const { matrix, block, zeros, sha256, first } of golden<LinearGolden>('blockwise')
      .linear) {
      const { dims, data } = graph.initializers.get(matrix)!;
      const parameters = {
        rows: dims[0]!,
        columns: dims[1]!,
        blockRows: block,
        blockColumns: 1,
        type: zeros ? uint4 : int4,
        scales: float,
        zeros,
      };
      const made = derive('float32-to-linear', [data], matrix, parameters);
      const parts = linearParts(parameters);
      const all = [parts.weights, parts.scales, ...(zeros ? [parts.zeros] : [])];
      const found = await Promise.all(
        all.map((part) => reader.open({ ...made, ...part }).read(0, part.length)),
      );
      expect(found.map((bytes) => Buffer.from(bytes.slice(0, 8)).toString('hex'))).toEqual(first);
      expect(found.map((bytes) => createHash('sha256').update(bytes).digest('hex'))).toEqual(
        sha256,
      );
    }
  });

  it.each([
    ['int4, blocks of rows', { ...form, zeros: false }],
    [
      'uint4 with zero points, blocks of columns',
      { ...form, type: uint4, zeros: true, blockRows: 1, blockColumns: 3 },
    ],
    ['int8, one scale for a column', { ...form, type: int8, zeros: false, blockRows: rows }],
    [
      'uint8, one scale for a row, in float16',
      { ...form, type: uint8, zeros: true, scales: float16, blockRows: 1, blockColumns: columns },
    ],
    [
      'int8 with zero points of zero, one scale',
      { ...form, type: int8, zeros: true, blockRows: rows, blockColumns: columns },
    ],
  ])('are the same from any place, and near the values: %s', async (_, parameters) => {
    const made = derive('float32-to-linear', [values], 'w', parameters);
    await sameFromAnyPlace(made);
    const { weights, scales, zeros } = linearParts(parameters);
    const parts = [weights, scales, ...(zeros.length > 0 ? [zeros] : [])];
    const sources = parts.map((part) => ({ ...made, ...part }));
    const read = derive('linear-to-float32', sources, 'w', parameters);
    await sameFromAnyPlace(read);
    const back = new Float32Array((await all(read)).buffer as ArrayBuffer);
    const exact = new Float32Array(values.buffer);
    const most = exact.reduce((size, x) => Math.max(size, Math.abs(x)), 0);
    const steps = parameters.type === int8 || parameters.type === uint8 ? 127 : 7;
    back.forEach((value, k) => {
      expect(Math.abs(value - exact[k]!)).toBeLessThan((most / steps) * 1.1);
    });
  });
});
