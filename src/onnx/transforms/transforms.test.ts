// Computed matrices against their definition: the same bytes from any place, in any order.

import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { golden, samplePath } from '../../testing/fixtures.ts';
import { BytesReader, derive } from '../bytes.ts';
import { DataType } from '../graph.ts';
import { widened } from '../half.ts';
import { readModel } from '../read.ts';
import type { ByteSource, Bytes } from '../source.ts';
import { diskFolder } from '../testing/diskFolder.ts';
import { memoryFolder } from '../testing/text.ts';
import { linearParts } from './linear.ts';
import { quantisedParts, quantisedSource } from './quantise.ts';
import { transposedSource } from './transpose.ts';

const bytesOf = (values: readonly number[] | Float32Array): Uint8Array<ArrayBuffer> =>
  new Uint8Array(Float32Array.from(values).buffer);
const floats = (count: number, seed: number): Float32Array =>
  Float32Array.from({ length: count }, (_, k) => Math.sin(k * 1.7 + seed) * 2 ** ((k % 7) - 3));
const all = async (data: Bytes): Promise<Uint8Array> =>
  new BytesReader(memoryFolder({})).open(data).read(0, data.length);

/** Stretches of the result in any order are those of the whole. */
async function sameFromAnyPlace(data: Bytes): Promise<void> {
  const whole = await all(data);
  const reader = new BytesReader(memoryFolder({}));
  const stretch = fc.tuple(fc.nat(data.length), fc.nat(data.length));
  await fc.assert(
    fc.asyncProperty(stretch, async ([a, b]) => {
      const [from, to] = [Math.min(a, b), Math.max(a, b)];
      expect(await reader.open(data).read(from, to - from)).toEqual(whole.slice(from, to));
    }),
    { numRuns: 40 },
  );
}

/** A source in memory that counts the bytes read of it. */
function counted(bytes: Uint8Array<ArrayBuffer>): ByteSource & { bytes: number } {
  return {
    size: bytes.length,
    bytes: 0,
    async read(offset, length) {
      this.bytes += length;
      return bytes.slice(offset, offset + length);
    },
  };
}

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
      const made = transposedSource([source], { rows, columns }, 'w', stripe);
      expect(await made.read(0, made.size)).toEqual(bytesOf(expected));
      const height = Math.min(columns, Math.max(1, Math.floor(stripe / (rows * 4))));
      expect(source.bytes).toBe(values.length * 4 * Math.ceil(columns / height));
    }
  });
});

interface BlockwiseGolden {
  rows: {
    matrix: string;
    bits: number;
    block: number;
    zeros: boolean;
    type: 'float32' | 'float16';
    sha256: string[];
    first: string[];
  }[];
  linear: { matrix: string; block: number; zeros: boolean; sha256: string[]; first: string[] }[];
}

describe('a matrix in blocks of integers', () => {
  const [rows, columns, block] = [6, 70, 16];
  const values = bytesOf(floats(rows * columns, 4));
  const form = { rows, columns, block, bits: 4, scales: DataType.float, zeros: DataType.uint8 };

  it('has the bytes that ONNX Runtime makes of it', async () => {
    const folder = diskFolder(samplePath());
    const { graph } = await readModel(folder, 'onnx/model.onnx');
    const reader = new BytesReader(folder);
    const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
    for (const row of golden<BlockwiseGolden>('blockwise').rows) {
      const { dims, data } = graph.initializers.get(row.matrix)!;
      const [inputs = 0, outputs = 0] = dims;
      const half = row.type === 'float16';
      const narrow = derive('float32-to-float16', [data], row.matrix);
      const stored = half ? derive('float16-to-float32', [narrow], row.matrix) : data;
      const turned = derive('transposed', [stored], row.matrix, {
        rows: inputs,
        columns: outputs,
      });
      const parameters = {
        rows: outputs,
        columns: inputs,
        block: row.block,
        bits: row.bits,
        scales: half ? DataType.float16 : DataType.float,
        zeros: row.zeros ? DataType.uint8 : DataType.undefined,
      };
      const made = derive('float32-to-blockwise', [turned], row.matrix, parameters);
      const { weights, scales, zeros } = quantisedParts(parameters);
      const parts = [weights, scales, ...(row.zeros ? [zeros] : [])];
      const found = await Promise.all(
        parts.map((part) => reader.open({ ...made, ...part }).read(0, part.length)),
      );
      expect(found.map((bytes) => hex(bytes.slice(0, 8)))).toEqual(row.first);
      expect(found.map((bytes) => createHash('sha256').update(bytes).digest('hex'))).toEqual(
        row.sha256,
      );
    }
  });

  it.each([
    ['4 bits, zero points', form],
    ['8 bits, symmetric', { ...form, bits: 8, zeros: DataType.undefined }],
    ['float16 scales and zero points', { ...form, scales: 10, zeros: 10 }],
  ])('is the same from any place, and near the values: %s', async (_, parameters) => {
    const made = derive('float32-to-blockwise', [values], 'w', parameters);
    await sameFromAnyPlace(made);
    const { weights, scales, zeros } = quantisedParts(parameters);
    const parts = [weights, scales, ...(zeros.length > 0 ? [zeros] : [])];
    const read = derive(
      'blockwise-to-float32',
      parts.map((part) => ({ ...made, ...part })),
      'w',
      parameters,
    );
    const back = new Float32Array((await all(read)).buffer as ArrayBuffer);
    const exact = new Float32Array(values.buffer);
    const steps = new Float32Array(
      (parameters.scales === 10
        ? widened(await all({ ...made, ...scales }))
        : await all({ ...made, ...scales })
      ).slice().buffer,
    );
    back.forEach((value, k) => {
      const at = Math.floor(k / columns) * Math.ceil(columns / block);
      const step = Math.abs(steps[at + Math.floor((k % columns) / block)]!);
      // The end of the range may lie half a step outside, or a whole one without zero points.
      expect(Math.abs(value - exact[k]!)).toBeLessThan(step * 1.02);
    });
  });

  it('is computed in one pass for all its tensors', async () => {
    const source = counted(values);
    const made = quantisedSource([source], form, 'w');
    await made.read(0, made.size);
    expect(source.bytes).toBe(values.length);
  });

  it('is refused where it holds what is no number', async () => {
    const broken = Float32Array.from(floats(rows * columns, 4));
    broken[100] = Number.NaN;
    const made = derive('float32-to-blockwise', [bytesOf(broken)], 'blocks.1.down', form);
    await expect(all(made)).rejects.toThrow('The matrix blocks.1.down holds NaN');
    const large = derive(
      'float32-to-blockwise',
      [bytesOf(floats(420, 1).map((x) => x * 1e7))],
      'w',
      {
        ...form,
        scales: DataType.float16,
      },
    );
    await expect(all(large)).rejects.toThrow(/needs the scale .* float16 cannot hold/);
  });
});

describe('integers under scales of rows, columns or blocks', () => {
  const [rows, columns] = [10, 7];
  const values = bytesOf(floats(rows * columns, 4));
  const { int4, uint4, int8, uint8, float, float16 } = DataType;
  const form = { rows, columns, blockRows: 4, blockColumns: 1, type: int4, scales: float };

  it('are those of ONNX Runtime where it makes blocks of 4 bits', async () => {
    const folder = diskFolder(samplePath());
    const { graph } = await readModel(folder, 'onnx/model.onnx');
    const reader = new BytesReader(folder);
    for (const { matrix, block, zeros, sha256, first } of golden<BlockwiseGolden>('blockwise')
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
