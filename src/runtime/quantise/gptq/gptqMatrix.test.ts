// A matrix in few bits as GPTQ packs it: what an export reads of it.

import { describe, expect, it } from 'vitest';
import type { QuantisableMatrix } from '../../../model/quantise/matrices.ts';
import { dequantisedMatrix } from '../../../model/quantise/packed.ts';
import { BytesReader } from '../../../onnx/bytes.ts';
import { DataType } from '../../../onnx/graph.ts';
import { narrowed, widened } from '../../../onnx/half.ts';
import type { Folder } from '../../../onnx/source.ts';
import { floatsOfPacked, packedBytes, roundMatrix } from './gptqMatrix.ts';

const folder = { files: new Map() } as unknown as Folder;
const turn = async (): Promise<void> => {};
const [OUTPUTS, INPUTS] = [3, 40];

const bytesOf = (values: Float32Array): Uint8Array<ArrayBuffer> =>
  new Uint8Array(values.buffer as ArrayBuffer);

function matrixOf(
  order: QuantisableMatrix['order'],
  type: DataType,
  change: (values: Float32Array) => void = () => {},
): QuantisableMatrix {
  const values = Float32Array.from({ length: OUTPUTS * INPUTS }, (_, k) => Math.sin(k * k));
  change(values);
  const data = type === DataType.float16 ? narrowed(bytesOf(values), (v) => v) : bytesOf(values);
  return {
    tensor: 'W',
    kind: 'block',
    block: 0,
    part: 'q',
    outputs: OUTPUTS,
    inputs: INPUTS,
    order,
    type,
    data,
    tied: false,
    obstacle: null,
  };
}

describe('a matrix of GPTQ', () => {
  it.each([
    ['out-in', DataType.float, DataType.float],
    ['in-out', DataType.float, DataType.float],
    ['in-out', DataType.float16, DataType.float16],
  ] as const)('stored %s as type %i with scales of type %i', async (order, type, scales) => {
    const matrix = matrixOf(order, type);
    const form = { block: 16, scales } as const;
    const packed = await roundMatrix(matrix, null, form, folder, turn);
    const { length } = packed.weights;
    expect(length + packed.scales.length + packed.zeros.length).toBe(
      packedBytes(OUTPUTS, INPUTS, 16),
    );
    // Three blocks to a row: the zero points end in the padding of symmetric ones.
    expect([1, 3, 5].map((at) => packed.zeros[at]! >> 4)).toEqual([8, 8, 8]);
    const floats = new Float32Array((await floatsOfPacked(packed, order, turn)).buffer);
    // Nothing is further off than half a step, and what an export reads is the same.
    const stored = type === DataType.float16 ? widened(matrix.data as Uint8Array) : matrix.data;
    const values = new Float32Array((stored as Uint8Array<ArrayBuffer>).buffer);
    for (const [k, value] of floats.entries())
      expect(Math.abs(value - values[k]!)).toBeLessThan(2 / 15 / 2 + 1e-3);
    const settings = {
      method: 'gptq',
      bits: 4,
      block: 16,
      symmetric: false,
      floatZeros: false,
      embedding: 'keep',
      head: 'keep',
      accuracyLevel: 0,
    } as const;
    const computed = { ...packed, tensor: 'W', block: 0 };
    const data = dequantisedMatrix(matrix, { settings, bits: 4, scales, computed });
    const read = await new BytesReader(folder).open(data).read(0, data.length);
    const expected = bytesOf(floats);
    expect(read).toEqual(
      type === DataType.float16 ? narrowed(expected, (value) => value) : expected,
    );
  });

  it('has scales that its type holds, also for ranges below them', async () => {
    const tiny = matrixOf('out-in', DataType.float, (values) => {
      values.fill(0, 0, 16);
      values.fill(1e-9, 16, 32);
    });
    const form = { block: 16, scales: DataType.float16 } as const;
    const packed = await roundMatrix(tiny, null, form, folder, turn);
    const scales = new Float32Array(packed.scales.buffer);
    expect([scales[0], scales[1]]).toEqual([1, 2 ** -24]);
    const floats = new Float32Array((await floatsOfPacked(packed, 'out-in', turn)).buffer);
    expect(floats.subarray(0, 32).every((value) => Math.abs(value) < 1e-9)).toBe(true);
    const large = matrixOf('out-in', DataType.float, (values) => values.fill(2e6, 5, 6));
    await expect(roundMatrix(large, null, form, folder, turn)).rejects.toThrow(/float16/);
  });

  it('is refused with weights that are not finite', async () => {
    const broken = matrixOf('in-out', DataType.float, (values) => values.fill(Number.NaN, 7, 8));
    const form = { block: 16, scales: DataType.float } as const;
    const work = roundMatrix(broken, null, form, folder, turn);
    await expect(work).rejects.toMatchObject({ code: 'bad-input' });
  });
});
