// Tensors bound to initializers and written back: the same bytes, and moves that undo each other.

import { describe, expect, it } from 'vitest';
import { BytesReader, derive } from '../../onnx/bytes.ts';
import type { Bytes } from '../../onnx/source.ts';
import { floats } from '../../onnx/testing/derived.ts';
import { memoryFolder } from '../../onnx/testing/text.ts';
import { boundBlocks, boundFloats, storedValues } from './bind.ts';
import type { NamedTensor, ValueStep } from './weights.ts';

/** Floats of a shape as a file in a type, and the reader of its folder. */
async function tensorOf(
  type: string,
  shape: readonly number[],
  undo: readonly ValueStep[] = [],
): Promise<{ tensor: NamedTensor; read(data: Bytes): Promise<Uint8Array>; bytes: Uint8Array }> {
  const values = new Uint8Array(
    floats(
      shape.reduce((a, b) => a * b),
      3,
    ).buffer,
  );
  const to: Record<string, string> = {
    F16: 'float32-to-float16',
    BF16: 'float32-to-bfloat16',
    Q8_0: 'float32-to-q8_0',
  };
  const stored = to[type] ? derive(to[type], [values], 'w') : values;
  const bytes = await new BytesReader(memoryFolder({})).open(stored).read(0, stored.length);
  const reader = new BytesReader(memoryFolder({ 'model.bin': bytes }));
  const data = { file: 'model.bin', offset: 0, length: bytes.length };
  return {
    tensor: { name: 'w', block: 0, stored: { name: 'stored.w', type, shape, data }, undo },
    read: (data) => reader.open(data).read(0, data.length),
    bytes,
  };
}

const halves: ValueStep = { step: 'rows', order: 'halves', heads: 2 };
const parts: ValueStep = { step: 'rows', order: 'parts', heads: 2 };
const turn: ValueStep = { step: 'transpose' };

describe('a bound tensor', () => {
  it.each<[string, number[], ValueStep[], ValueStep[]]>([
    ['F32', [12, 8], [], []],
    ['F32', [12, 8], [halves], [turn]],
    ['F16', [12, 8], [], [turn]],
    ['BF16', [12, 8], [halves], [turn]],
    ['BF16', [12], [{ step: 'add', value: -1 }], []],
    ['F16', [12, 8], [turn], [parts]],
    ['Q8_0', [12, 64], [halves], [turn]],
    ['Q8_0', [12, 64], [parts], []],
  ])('of %s %j is written back as it was: %j %j', async (type, shape, undo, steps) => {
    // parts after a transposition need rows of their own.
    const fitting = steps[0]?.step === 'rows' && undo[0]?.step === 'transpose' ? [8, 12] : shape;
    const { tensor, read, bytes } = await tensorOf(type, fitting, undo);
    const { data, dims } = boundFloats(tensor, steps);
    expect(data.length).toBe(dims.reduce((a, b) => a * b) * 4);
    const back = storedValues({ tensor, steps, form: 'floats' }, data);
    expect(back.type).toBe(type);
    const found = await read(back.data);
    if (undo[0]?.step === 'add') expect(found.length).toBe(bytes.length);
    else expect(found).toEqual(bytes);
  });

  it('of float32 without steps is the range of the file', async () => {
    const { tensor } = await tensorOf('F32', [4, 3]);
    expect(boundFloats(tensor)).toEqual({ data: tensor.stored.data, dims: [4, 3] });
  });

  it('is the range too where the graph wants what the format did', async () => {
    const { tensor } = await tensorOf(
      'F32',
      [12, 4],
      [{ ...halves, back: true }, { step: 'add', value: -1 }, turn],
    );
    const steps: ValueStep[] = [turn, halves, { step: 'add', value: 1 }];
    expect(boundFloats(tensor, steps)).toEqual({ data: tensor.stored.data, dims: [12, 4] });
  });

  it('has numbers added in float32, and taken off again', async () => {
    const { tensor, read } = await tensorOf('F32', [5], [{ step: 'add', value: -1 }]);
    const made = await read(boundFloats(tensor).data);
    const plain = floats(5, 3).map((x) => x - 1);
    expect(new Float32Array(made.buffer as ArrayBuffer)).toEqual(plain);
    const back = storedValues({ tensor, steps: [], form: 'floats' }, made);
    const found = new Float32Array((await read(back.data)).buffer as ArrayBuffer);
    expect(found).toEqual(plain.map((x) => x + 1));
  });

  it('is refused by name where its type cannot be read or its shape does not fit', async () => {
    const { tensor } = await tensorOf('F32', [5]);
    const { data } = tensor.stored;
    const of = (type: string) => ({ ...tensor, stored: { ...tensor.stored, type } });
    for (const type of ['IQ2_XS', 'F8_E4M3', 'MXFP4', 'constructor']) {
      expect(() => boundFloats(of(type))).toThrow(`of the type ${type}, which cannot be read`);
      expect(() => storedValues({ tensor: of(type), steps: [], form: 'floats' }, data)).toThrow(
        type,
      );
    }
    expect(() => boundFloats(tensor, [turn])).toThrow('5');
    expect(() => boundFloats(tensor, [halves])).toThrow('5');
  });
});

describe('a tensor of a shape that its model cannot have', () => {
  it.each<[number[], ValueStep[]]>([
    [[11, 8], [halves]],
    [[12], [turn]],
  ])('%j is refused as damaged', async (shape, undo) => {
    const { tensor } = await tensorOf('F32', shape, undo);
    expect(() => boundFloats(tensor)).toThrow(expect.objectContaining({ code: 'corrupt-file' }));
  });
});

describe('a matrix of blocks', () => {
  it('has the values of its floats, with rows in another order', async () => {
    const { tensor, read } = await tensorOf('Q8_0', [12, 64], [halves]);
    const bound = boundBlocks(tensor)!;
    expect(bound).toMatchObject({ bits: 8, block: 32, rows: 12, columns: 64 });
    const integers = await read(bound.weights);
    const scales = new Float32Array((await read(bound.scales)).buffer as ArrayBuffer);
    const plain = new Float32Array((await read(boundFloats(tensor).data)).buffer as ArrayBuffer);
    expect(plain).toEqual(plain.map((_, k) => (integers[k]! - 128) * scales[Math.floor(k / 32)]!));
    const back = storedValues({ tensor, steps: [], form: 'blocks' }, boundFloats(tensor).data);
    expect(await read(back.data)).toEqual(await read(tensor.stored.data));
  });

  it('is none where rows and columns are exchanged, or floats are stored', async () => {
    const { tensor } = await tensorOf('Q8_0', [12, 64]);
    expect(boundBlocks(tensor, [turn])).toBeNull();
    expect(boundBlocks((await tensorOf('F16', [12, 64])).tensor)).toBeNull();
  });
});
