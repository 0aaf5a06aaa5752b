// Matrices in blocks of integers: bit for bit those of ONNX Runtime, in any order and from any
// place, and back.

import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { golden, samplePath } from '../../testing/fixtures.ts';
import { BytesReader, derive } from '../bytes.ts';
import { DataType } from '../graph.ts';
import { readModel } from '../read.ts';
import {
  all,
  bytesOf,
  counted,
  expectSameBytes,
  floats,
  hardValues,
  sameFromAnyPlace,
  sameStretches,
  turned,
} from '../testing/derived.ts';
import { diskFolder } from '../testing/diskFolder.ts';
import { blockwiseSource } from './dequantise.ts';
import { type BlockwiseParameters, quantisedParts } from './form.ts';
import { quantisedSource } from './quantise.ts';
import { storedNumbers } from './scales.ts';

const { float, float16, uint8, undefined: none } = DataType;

interface Golden {
  rows: {
    matrix: string;
    bits: number;
    block: number;
    zeros: boolean;
    type: 'float32' | 'float16';
    sha256: string[];
    first: string[];
  }[];
  sample: Record<string, Record<string, string>>;
  made: {
    kind: string;
    k: number;
    n: number;
    block: number;
    bits: number;
    zeros: boolean;
    sha256: string;
  }[];
  hqq: {
    part: string;
    block: number;
    zeroSum: number;
    scaleSum: number;
    firstZeros: number[];
  }[];
}
const GOLDEN = golden<Golden>('blockwise');

const shaOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const folder = diskFolder(samplePath());
const sample = readModel(folder, 'onnx/model.onnx');
const reader = new BytesReader(folder);

/** A matrix (K, N) of the sample, and the parameters that quantise it. */
async function matrixOf(name: string, block: number, zeros: boolean) {
  const { dims, data } = (await sample).graph.initializers.get(name)!;
  const [columns = 0, rows = 0] = dims;
  const form = { rows, columns, block, bits: 4, scales: float, order: 'in-out' as const };
  return { data, form: { ...form, zeros: zeros ? uint8 : none } };
}

describe('rounded to the nearest', () => {
  it('matrices of the sample have the bytes that ONNX Runtime makes of them', async () => {
    for (const [kind, rows] of Object.entries(GOLDEN.sample)) {
      const [zeros, block] = kind.split('-');
      const found: Record<string, string> = {};
      for (const name of Object.keys(rows)) {
        const stored = `model.layers.${name}.MatMul.weight`;
        const { data, form } = await matrixOf(stored, Number(block), zeros === 'asymmetric');
        const made = derive('floats-to-blockwise', [data], name, form);
        found[name] = shaOf(await reader.open(made).read(0, made.length)).slice(0, 16);
      }
      expect(found).toEqual(rows);
      expect(Object.keys(rows)).toHaveLength(80);
    }
  });

  it('in 8 bits and in float16 too, each tensor by itself', async () => {
    for (const row of GOLDEN.rows) {
      const { data, form } = await matrixOf(row.matrix, row.block, row.zeros);
      const type = row.type === 'float16' ? float16 : float;
      const values = type === float ? data : derive('float32-to-float16', [data], row.matrix);
      const parameters = { ...form, bits: row.bits, scales: type, floats: type };
      const made = derive('floats-to-blockwise', [values], row.matrix, parameters);
      const { weights, scales, zeros } = quantisedParts(parameters);
      const parts = [weights, scales, ...(row.zeros ? [zeros] : [])];
      const found = await Promise.all(
        parts.map((part) => reader.open({ ...made, ...part }).read(0, part.length)),
      );
      const first = found.map((bytes) => Buffer.from(bytes.slice(0, 8)).toString('hex'));
      expect(first).toEqual(row.first);
      expect(found.map(shaOf)).toEqual(row.sha256);
    }
  });

  it('values that are hard to round, from either order', async () => {
    for (const { kind, k, n, block, bits, zeros, sha256 } of GOLDEN.made) {
      const type = kind.endsWith('16') ? float16 : float;
      const values = hardValues(kind, k, n);
      const form = { rows: n, columns: k, block, bits, scales: type, floats: type };
      const parameters = { ...form, zeros: zeros ? uint8 : none };
      const found = async (order: string, bytes: Uint8Array) =>
        shaOf(await all(derive('floats-to-blockwise', [bytes], kind, { ...parameters, order })));
      const inOut = (await found('in-out', values)).slice(0, 16);
      const outIn = (await found('out-in', turned(values, k, n, type === float ? 4 : 2))).slice(
        0,
        16,
      );
      expect({ kind, k, n, block, bits, zeros, inOut, outIn }).toEqual({
        ...{ kind, k, n, block, bits, zeros, inOut: sha256, outIn: sha256 },
      });
    }
  });
});

const [rows, columns, block] = [70, 90, 32];
const BASE: BlockwiseParameters = {
  ...{ rows, columns, block, bits: 4, scales: float, zeros: uint8 },
};
const values = floats(rows * columns, 4);
const inOut = bytesOf(values);
const outIn = turned(inOut, columns, rows, 4);
/** So small that rows, columns and what is kept of them take several turns. */
const TIGHT = { read: 12000, first: 1000, others: 400 };

describe('read in stretches', () => {
  it.each([
    ['in-out', {}],
    ['out-in', {}],
    ['in-out', { method: 'hqq', zeros: float }],
    ['out-in', { method: 'hqq', bits: 8 }],
    ['in-out', { bits: 8, zeros: none, scales: float16 }],
    ['out-in', { padded: false }],
  ] as const)('are the same from any place and within any bounds: %s %o', async (order, more) => {
    const form = { ...BASE, ...more, order };
    const source = order === 'in-out' ? inOut : outIn;
    const data = derive('floats-to-blockwise', [source], 'w', form);
    await sameFromAnyPlace(data);
    const whole = await all(data);
    await sameStretches(whole, quantisedSource([counted(source)], form, 'w', TIGHT));
    const other = order === 'in-out' ? outIn : inOut;
    const turnedForm = { ...form, order: order === 'in-out' ? 'out-in' : 'in-out' };
    expectSameBytes(await all(derive('floats-to-blockwise', [other], 'w', turnedForm)), whole);
  });

  it.each([
    ['in-out', 'rtn', 1],
    ['out-in', 'rtn', 1],
    ['in-out', 'hqq', 2],
    ['out-in', 'hqq', 2],
  ] as const)(
    'take one pass over the values, and hqq two: %s %s',
    async (order, method, passes) => {
      const form = { ...BASE, order, method };
      for (const limits of [undefined, { ...TIGHT, others: 2 ** 20 }]) {
        const source = counted(order === 'in-out' ? inOut : outIn);
        const made = quantisedSource([source], form, 'w', limits);
        for (let at = 0; at < made.size; at += 700)
          await made.read(at, Math.min(700, made.size - at));
        expect(source.bytes).toBe(inOut.length * passes);
      }
    },
  );

  it('rows end with their columns where they are not padded, and are the same else', async () => {
    const form = { ...BASE, order: 'in-out' };
    const padded = await all(derive('floats-to-blockwise', [inOut], 'w', form));
    const data = derive('floats-to-blockwise', [inOut], 'w', { ...form, padded: false });
    const bare = await all(data);
    const [whole, rest] = [quantisedParts(form), quantisedParts({ ...form, padded: false })];
    expect(rest.weights.length).toBe((rows * columns) / 2);
    for (let row = 0; row < rows; row++)
      expectSameBytes(
        bare.slice((row * columns) / 2, ((row + 1) * columns) / 2),
        padded.slice(row * 48, row * 48 + columns / 2),
      );
    expectSameBytes(bare.slice(rest.scales.offset), padded.slice(whole.scales.offset));
  });
});

describe('half-quadratic quantisation', () => {
  it('has the scales and zero points of ONNX Runtime solver on the sample', async () => {
    for (const { part, block: size, zeroSum, scaleSum, firstZeros } of GOLDEN.hqq) {
      const stored = `model.layers.0.${part}.MatMul.weight`;
      const { data, form } = await matrixOf(stored, size, true);
      const parameters = { ...form, zeros: float, method: 'hqq' };
      const made = derive('floats-to-blockwise', [data], part, parameters);
      const parts = quantisedParts(parameters);
      const [scales, zeros] = await Promise.all(
        [parts.scales, parts.zeros].map(async (range) =>
          storedNumbers(await reader.open({ ...made, ...range }).read(0, range.length), float),
        ),
      );
      const sum = (numbers: Float32Array): number => numbers.reduce((a, b) => a + b, 0);
      // An integer at the border of two may fall to either side: one step in a block of them.
      expect(Math.abs(sum(zeros!) - zeroSum)).toBeLessThan(1.1 / size);
      expect(sum(scales!)).toBeCloseTo(scaleSum, 5);
      expect(Math.abs(zeros![0]! - firstZeros[0]!)).toBeLessThan(3e-6);
      expect(Math.abs(zeros![1]! - firstZeros[1]!)).toBeLessThan(3e-6);
    }
  });

  it('stores whole zero points where they are integers', async () => {
    const form = { ...BASE, method: 'hqq' };
    // A block far from zero has none of its own range.
    const far = values.map((x, k) => (k % columns < block ? 5 + x * 0.01 : x));
    const made = derive('floats-to-blockwise', [bytesOf(far)], 'w', form);
    const parts = quantisedParts(form);
    const sources = [parts.weights, parts.scales, parts.zeros].map((part) => ({
      ...made,
      ...part,
    }));
    const back = await all(derive('blockwise-to-floats', sources, 'w', form));
    const scales = storedNumbers(await all({ ...made, ...parts.scales }), float);
    const found = storedNumbers(back, float);
    found.forEach((value, k) => {
      const at = Math.floor(k / columns) * 3 + Math.floor((k % columns) / block);
      expect(Math.abs(value - far[k]!)).toBeLessThan(scales[at]! * 1.6);
    });
  });
});

describe('back to floats', () => {
  it.each([
    { bits: 4, zeros: uint8, scales: float },
    { bits: 8, zeros: none, scales: float16 },
    { bits: 4, zeros: float16, scales: float16 },
    { bits: 4, zeros: float, scales: float, method: 'hqq' },
    { bits: 8, zeros: uint8, scales: float, padded: false },
  ])('are (q - zero point) x scale in either order and type: %o', async (more) => {
    const form = { ...BASE, ...more };
    const made = derive('floats-to-blockwise', [outIn], 'w', form);
    const parts = quantisedParts(form);
    const ranges = [parts.weights, parts.scales, ...(form.zeros ? [parts.zeros] : [])];
    const sources = ranges.map((part) => ({ ...made, ...part }));
    const [integers, factors, points] = await Promise.all(sources.map(all));
    const scales = storedNumbers(factors!, form.scales);
    const { bits } = form;
    const integer = (bytes: Uint8Array, perRow: number, row: number, k: number): number => {
      const bit = k * bits;
      return (bytes[row * perRow + (bit >> 3)]! >> (bit & 7)) & (2 ** bits - 1);
    };
    const plain = Float32Array.from({ length: rows * columns }, (_, k) => {
      const [row, column] = [Math.floor(k / columns), k % columns];
      const at = Math.floor(column / block);
      let zero = 2 ** (bits - 1);
      if (form.zeros === uint8) zero = integer(points!, parts.zeros.length / rows, row, at);
      else if (form.zeros) zero = storedNumbers(points!, form.zeros)[row * 3 + at]!;
      const q = integer(integers!, parts.weights.length / rows, row, column);
      return Math.fround(q - zero) * scales[row * 3 + at]!;
    });
    for (const order of ['out-in', 'in-out'] as const) {
      const read = derive('blockwise-to-floats', sources, 'w', { ...form, order });
      const wanted = order === 'out-in' ? bytesOf(plain) : turned(bytesOf(plain), rows, columns, 4);
      expectSameBytes(await all(read), wanted);
      await sameFromAnyPlace(read);
      const halves = derive('blockwise-to-floats', sources, 'w', {
        ...form,
        order,
        floats: float16,
      });
      expectSameBytes(await all(halves), await all(derive('float32-to-float16', [wanted], 'w')));
    }
    const opened = await Promise.all(
      sources.map(async (source) => counted((await all(source)).slice())),
    );
    const tight = blockwiseSource(opened, { ...form, order: 'in-out' }, 'w', rows * 60);
    await sameStretches(turned(bytesOf(plain), rows, columns, 4), tight);
  });

  it('take one pass over the integers', async () => {
    const form = { ...BASE, order: 'in-out' };
    const made = await all(derive('floats-to-blockwise', [inOut], 'w', form));
    const parts = quantisedParts(form);
    const sources = [parts.weights, parts.scales, parts.zeros].map(({ offset, length }) =>
      counted(made.slice(offset, offset + length)),
    );
    const source = blockwiseSource(sources, form, 'w');
    for (let at = 0; at < source.size; at += 1000)
      await source.read(at, Math.min(1000, source.size - at));
    expect(sources.map(({ bytes }) => bytes)).toEqual(sources.map(({ size }) => size));
  });
});

describe('floats of blocks that are derived themselves', () => {
  it.each(['in-out', 'out-in'])('take one pass over the values: %s', async (order) => {
    const source = counted(order === 'in-out' ? inOut : outIn);
    const files = [{ path: 'w', size: source.size }];
    const folder = { name: 'model', files, open: () => source };
    const form = { ...BASE, order };
    const stored = { file: 'w', offset: 0, length: source.size };
    const made = derive('floats-to-blockwise', [stored], 'w', form);
    const parts = quantisedParts(form);
    const sources = [parts.weights, parts.scales, parts.zeros].map((part) => ({
      ...made,
      ...part,
    }));
    const back = derive('blockwise-to-floats', sources, 'w', form);
    await new BytesReader(folder).open(back).read(0, back.length);
    expect(source.bytes).toBe(source.size);
  });
});

describe('what is refused', () => {
  it.each(['rtn', 'hqq'])('a value that is not finite, with its name: %s', async (method) => {
    for (const wrong of [Number.NaN, Number.NEGATIVE_INFINITY])
      for (const order of ['in-out', 'out-in']) {
        const broken = Float32Array.from(values);
        broken[1000] = wrong;
        const form = { ...BASE, method, order };
        const made = derive('floats-to-blockwise', [bytesOf(broken)], 'blocks.1.down', form);
        await expect(all(made)).rejects.toThrow(`The matrix blocks.1.down holds ${wrong}`);
      }
  });

  it('a scale that its type cannot hold', async () => {
    const of = (factor: number, more: object) => {
      const form = { ...BASE, ...more };
      return all(
        derive('floats-to-blockwise', [bytesOf(values.map((x) => x * factor))], 'w', form),
      );
    };
    await expect(of(1e7, { scales: float16 })).rejects.toThrow(/scale .* float16 cannot hold/);
    await expect(of(2.5e37, {})).rejects.toThrow(
      /scale or zero point Infinity .* float32 cannot hold/,
    );
    await expect(of(1e7, { scales: float16, method: 'hqq', zeros: float16 })).rejects.toThrow(
      /scale .* float16 cannot hold/,
    );
  });
});
