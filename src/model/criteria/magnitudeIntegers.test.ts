// Sums over quantised values: against the plain definition in any layout and any pieces, and
// layouts against ONNX Runtime's own dequantisation.

import fc from 'fast-check';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { encodeModel } from '../../onnx/codec.ts';
import {
  type Attribute,
  DataType,
  elementBits,
  elementCount,
  type Node,
  type Tensor,
} from '../../onnx/graph.ts';
import {
  axisQuantised,
  blockedNBits,
  expertQuantised,
  linearQuantised,
  type Quantised,
  SMALL_INTEGERS,
} from './linearQuantised.ts';
import { toFloats } from './magnitudeFloats.ts';
import { quantisedSums } from './magnitudeIntegers.ts';
import { unpackIntegers } from './magnitudeTables.ts';

/** The definition, value by value. */
function plainSums(
  bytes: Uint8Array,
  bits: number,
  signed: boolean,
  values: (k: number) => { scale: number; zero: number } | null,
) {
  const sums = { abs: 0, square: 0 };
  for (let k = 0; k < (bytes.length * 8) / bits; k++) {
    const code = (bytes[Math.floor((k * bits) / 8)]! >> ((k * bits) % 8)) & (2 ** bits - 1);
    const place = values(k);
    if (!place) continue;
    const value =
      ((signed && code >= 2 ** (bits - 1) ? code - 2 ** bits : code) - place.zero) * place.scale;
    sums.abs += Math.abs(value);
    sums.square += value * value;
  }
  return sums;
}

describe('sums of quantised values', () => {
  it('are those of the definition, whatever the layout and the pieces', () => {
    const layouts = fc.record({
      bits: fc.constantFrom(2 as const, 4 as const, 8 as const),
      signed: fc.boolean(),
      columns: fc.integer({ min: 1, max: 70 }),
      padding: fc.integer({ min: 0, max: 5 }),
      run: fc.oneof(fc.constant(1), fc.constantFrom(8, 16, 32), fc.integer({ min: 1, max: 80 })),
      group: fc.integer({ min: 1, max: 3 }),
      rows: fc.integer({ min: 1, max: 12 }),
      zero: fc.constantFrom('none', 'one', 'each', 'fraction'),
      seed: fc.integer(),
      piece: fc.integer({ min: 1, max: 40 }),
    });
    fc.assert(
      fc.property(
        layouts,
        ({ bits, signed, columns, padding, run, group, rows, zero, seed, piece }) => {
          const perByte = 8 / bits;
          let state = seed >>> 0;
          const next = (): number => {
            state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
            return state / 2 ** 32;
          };
          // Whole bytes in all.
          const stored = Math.ceil((columns + padding) / perByte) * perByte;
          const bytes = Uint8Array.from({ length: (stored * rows) / perByte }, () => next() * 256);
          const perRow = Math.ceil(columns / run);
          const scaleRows = Math.ceil(rows / group);
          const scales = Float32Array.from({ length: scaleRows * perRow }, () => next() - 0.5);
          const zeroCount = zero === 'each' || zero === 'fraction' ? scales.length : 1;
          const zeros = Float32Array.from({ length: zeroCount }, () => {
            if (zero === 'none') return 0;
            if (zero === 'fraction') return next() * 3;
            return Math.floor(next() * 2 ** bits) - (signed ? 2 ** (bits - 1) : 0);
          });
          const summing = quantisedSums({
            bits,
            signed,
            scales,
            zeros,
            zerosPacked: zero !== 'fraction',
            layout: { columns, stored, run, period: rows, group, scaleRows, total: stored * rows },
          });
          for (let from = 0; from < bytes.length; from += piece)
            summing.add(bytes.subarray(from, from + piece));
          const expected = plainSums(bytes, bits, signed, (k) => {
            const [row, column] = [Math.floor(k / stored), k % stored];
            if (column >= columns) return null;
            const index = Math.floor(row / group) * perRow + Math.floor(column / run);
            return { scale: scales[index]!, zero: zeros[zeroCount === 1 ? 0 : index]! };
          });
          expect(summing.sums.abs).toBeCloseTo(expected.abs, 6);
          expect(summing.sums.square).toBeCloseTo(expected.square, 6);
        },
      ),
      { numRuns: 400 },
    );
  });

  it('stay exact over runs of megabytes', () => {
    const bytes = new Uint8Array(3e6).fill(255);
    const layout = {
      columns: 3e6,
      stored: 3e6,
      run: 3e6,
      period: 1,
      group: 1,
      scaleRows: 1,
      total: 3e6,
    };
    const summing = quantisedSums({
      bits: 8,
      signed: false,
      layout,
      scales: Float32Array.of(2),
      zeros: Float32Array.of(0),
      zerosPacked: true,
    });
    summing.add(bytes);
    expect(summing.sums).toEqual({ abs: 3e6 * 510, square: 3e6 * 510 ** 2 });
  });
});

describe('packed integers', () => {
  it('begin anew with each row where rows are padded', () => {
    const bytes = Uint8Array.of(0x21, 0xf3, 0x54, 0xf6);
    expect([...unpackIntegers(bytes, 4, false, 3, 6)]).toEqual([1, 2, 3, 4, 5, 6]);
    expect([...unpackIntegers(bytes, 4, true, null, 5)]).toEqual([1, 2, 3, -1, 4]);
    expect([...unpackIntegers(Uint8Array.of(0b11100100), 2, false, null, 3)]).toEqual([0, 1, 2]);
    expect([...unpackIntegers(Uint8Array.of(255, 1), 8, true, null, 2)]).toEqual([-1, 1]);
  });
});

const NAMES: Record<number, string> = { 1: 'float32', 2: 'uint8', 3: 'int8', 10: 'float16' };
let random = 1;
function bytesOf(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, () => {
    random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
    return random >>> 24;
  });
}

function tensor(name: string, type: number, dims: number[]): Tensor {
  const length = Math.ceil((elementCount(dims) * elementBits(type)!) / 8);
  return { name, type, dims, data: dataOf(type, length) };
}

function dataOf(type: number, length: number): Uint8Array {
  if (type === DataType.float)
    return new Uint8Array(Float32Array.from(bytesOf(length / 4), (b) => (b - 99) / 512).buffer);
  if (type === DataType.float16)
    return new Uint8Array(Uint16Array.from(bytesOf(length / 2), (b) => 0x2000 + b * 4).buffer);
  return bytesOf(length);
}

function node(
  op: string,
  domain: string,
  inputs: (Tensor | null)[],
  ints: Record<string, number>,
): Node {
  const attributes = new Map<string, Attribute>(
    Object.entries(ints).map(([name, value]) => [name, { name, kind: 'int', value }]),
  );
  return {
    name: 'it',
    op,
    domain,
    inputs: inputs.map((one) => one?.name ?? ''),
    outputs: ['y'],
    attributes,
  };
}

/**
 * What the operator makes of its constants, as float32; `x` is fed where an input has that name.
 */
async function run(
  one: Node,
  tensors: (Tensor | null)[],
  x: OrtTensor | null,
): Promise<Float32Array> {
  const cast: Node = {
    ...node('Cast', '', [], { to: DataType.float }),
    name: 'cast',
    inputs: ['y'],
    outputs: ['result'],
  };
  const initializers = new Map(
    tensors.flatMap((t): [string, Tensor][] => (t && t.name !== 'x' ? [[t.name, t]] : [])),
  );
  const type = x ? Number(Object.keys(NAMES).find((key) => NAMES[Number(key)] === x.type)) : 0;
  const graph = {
    name: 'g',
    nodes: [one, cast],
    initializers,
    inputs: x ? [{ name: 'x', type, dims: null }] : [],
    outputs: [{ name: 'result', type: DataType.float, dims: null }],
    valueInfo: new Map(),
  };
  const opsets = new Map([
    ['', 21],
    ['com.microsoft', 1],
  ]);
  const model = {
    irVersion: 10,
    producerName: '',
    producerVersion: '',
    opsets,
    metadata: new Map<string, string>(),
    graph,
    functions: [],
  };
  const bytes = encodeModel(model, () => new Uint8Array());
  const session = await InferenceSession.create(bytes, { graphOptimizationLevel: 'disabled' });
  const { result } = await session.run(x ? { x } : {});
  await session.release();
  return result!.data as Float32Array;
}

function sumsOf(source: Tensor, { bits, signed, layout, scales, zeros, zero, zeroRow }: Quantised) {
  const raw = (one: Tensor): Uint8Array<ArrayBuffer> => (one.data as Uint8Array).slice();
  const count = zeroRow === null ? elementCount(zeros?.dims ?? []) : elementCount(scales.dims);
  let points: Float32Array = Float32Array.of(zero);
  if (zeros && SMALL_INTEGERS.has(zeros.type))
    points = unpackIntegers(raw(zeros), bits, signed, zeroRow, count);
  else if (zeros) points = toFloats(zeros.type, raw(zeros));
  const summing = quantisedSums({
    bits,
    signed,
    layout,
    scales: toFloats(scales.type, raw(scales)),
    zeros: points,
    zerosPacked: zeros === null || SMALL_INTEGERS.has(zeros.type),
  });
  summing.add(raw(source));
  return summing.sums;
}

function expectSums(found: { abs: number; square: number }, values: Float32Array): void {
  let [abs, square] = [0, 0];
  for (const value of values) {
    abs += Math.abs(value);
    square += value * value;
  }
  expect(Math.abs(found.abs / abs - 1)).toBeLessThan(1e-5);
  expect(Math.abs(found.square / square - 1)).toBeLessThan(1e-5);
}

const { int4, uint4, int8, uint8, float, float16 } = DataType;

describe('layouts are those of ONNX Runtime', () => {
  it.each([
    { type: int8, dims: [6, 10], scale: [], axis: 1, block: 0 },
    { type: uint8, dims: [6, 10], scale: [10], axis: 1, block: 0 },
    { type: int8, dims: [6, 10], scale: [6], axis: 0, block: 0 },
    { type: int8, dims: [6, 10], scale: [10], axis: -1, block: 0 },
    { type: uint4, dims: [4, 10], scale: [10], axis: 1, block: 0 },
    { type: int4, dims: [5, 7], scale: [5], axis: 0, block: 0 },
    { type: int4, dims: [64, 6], scale: [2, 6], axis: 0, block: 32 },
    { type: uint4, dims: [6, 64], scale: [6, 2], axis: 1, block: 32 },
    { type: uint4, dims: [3, 40], scale: [3, 3], axis: 1, block: 16 },
    { type: int8, dims: [40, 3], scale: [3, 3], axis: 0, block: 16 },
    { type: int8, dims: [3, 8, 5], scale: [3, 2, 5], axis: 1, block: 4 },
    { type: uint4, dims: [2, 8, 6], scale: [8], axis: 1, block: 0 },
  ])('DequantizeLinear of %j', async ({ type, dims, scale, axis, block }) => {
    for (const zeros of [null, tensor('z', type, scale)]) {
      const [x, s] = [tensor('w', type, dims), tensor('s', float, scale)];
      const one = node('DequantizeLinear', '', zeros ? [x, s, zeros] : [x, s], {
        axis,
        ...(block > 0 ? { block_size: block } : {}),
      });
      expectSums(sumsOf(x, axisQuantised(one, x, s, zeros)), await run(one, [x, s, zeros], null));
    }
  });

  it.each([
    { bits: 4, N: 6, K: 64, block: 32, zeros: 'none' },
    { bits: 4, N: 6, K: 96, block: 32, zeros: 'packed' },
    { bits: 4, N: 5, K: 50, block: 16, zeros: 'packed' },
    { bits: 4, N: 5, K: 50, block: 16, zeros: 'none' },
    { bits: 4, N: 5, K: 64, block: 32, zeros: 'float' },
    { bits: 8, N: 5, K: 64, block: 32, zeros: 'none' },
    { bits: 8, N: 5, K: 64, block: 32, zeros: 'packed' },
    { bits: 2, N: 8, K: 64, block: 32, zeros: 'none' },
  ])('MatMulNBits of %j', async ({ bits, N, K, block, zeros }) => {
    const perRow = Math.ceil(K / block);
    const weight = tensor('w', uint8, [N, perRow, (block * bits) / 8]);
    const scales = tensor('s', float, [N, perRow]);
    const points =
      zeros === 'none'
        ? null
        : tensor('z', zeros === 'float' ? float : uint8, [
            N,
            zeros === 'float' ? perRow : Math.ceil((perRow * bits) / 8),
          ]);
    const identity = Float32Array.from({ length: K * K }, (_, k) => (k % (K + 1) === 0 ? 1 : 0));
    const x = { ...weight, name: 'x' };
    const inputs = points ? [x, weight, scales, points] : [x, weight, scales];
    const one = node('MatMulNBits', 'com.microsoft', inputs, { bits, N, K, block_size: block });
    const quantised = blockedNBits(
      one,
      weight,
      (slot) => [null, weight, scales, points][slot] ?? null,
    );
    expectSums(
      sumsOf(weight, quantised),
      await run(one, inputs, new OrtTensor('float32', identity, [K, K])),
    );
  });

  it('MatMulIntegerToFloat, one scale for each column', async () => {
    const [weight, scale, zero] = [
      tensor('w', uint8, [8, 5]),
      tensor('s', float, [5]),
      tensor('z', uint8, [5]),
    ];
    const unit = { ...tensor('a', float, []), data: new Uint8Array(Float32Array.of(1).buffer) };
    const x = { ...weight, name: 'x' };
    const inputs = [x, weight, unit, scale, null, zero];
    const one = node('MatMulIntegerToFloat', 'com.microsoft', inputs, {});
    const identity = Uint8Array.from({ length: 64 }, (_, k) => (k % 9 === 0 ? 1 : 0));
    expectSums(
      sumsOf(weight, linearQuantised(one, weight, scale, zero)),
      await run(one, inputs, new OrtTensor('uint8', identity, [8, 8])),
    );
  });

  it('stacks of experts, by row and by block', () => {
    const weight = tensor('w', uint8, [3, 4, 16]);
    for (const [block, dims] of [
      [0, [3, 4]],
      [16, [3, 4, 2]],
    ] as const) {
      const scales = tensor('s', float16, [...dims]);
      const one = node('QMoE', 'com.microsoft', [null, null, weight, scales], {
        expert_weight_bits: 4,
        block_size: block,
      });
      const floats = toFloats(float16, (scales.data as Uint8Array).slice());
      const per = block || 32;
      const expected = plainSums(weight.data as Uint8Array, 4, false, (k) => ({
        scale: floats[Math.floor(k / per)]!,
        zero: 8,
      }));
      const found = sumsOf(
        weight,
        expertQuantised(one, weight, 2, (slot) => (slot === 3 ? scales : null)),
      );
      expect(found.abs).toBeCloseTo(expected.abs, 6);
      expect(found.square).toBeCloseTo(expected.square, 6);
    }
  });

  it('what does not fit is refused with the name of the weights', () => {
    const [weight, scales] = [tensor('w', uint8, [6, 2, 16]), tensor('s', float, [6, 3])];
    const ints = { bits: 4, N: 6, K: 64, block_size: 32 };
    const read = (slot: number): Tensor | null => [null, weight, scales][slot] ?? null;
    const error = expect.objectContaining({
      code: 'unsupported-op',
      message: expect.stringContaining('"w"'),
    });
    const refused =
      (inputs: (Tensor | null)[], attributes: Record<string, number>) => (): Quantised =>
        blockedNBits(node('MatMulNBits', 'com.microsoft', inputs, attributes), weight, read);
    expect(refused([null, weight, scales], ints)).toThrow(error);
    expect(refused([null, weight, scales], { ...ints, bits: 3 })).toThrow(error);
    expect(refused([null, weight, scales, null, tensor('g', DataType.int32, [64])], ints)).toThrow(
      /g_idx/,
    );
    expect(() =>
      linearQuantised(node('MatMulInteger', '', [null, weight], {}), weight, null, null),
    ).toThrow(/scale was not found/);
  });
});
