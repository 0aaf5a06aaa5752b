// External data: the range that is meant, or a sentence that names the file.

import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { BytesReader } from './bytes.ts';
import { encodeModel } from './codec.ts';
import { externalResolver, joinPath } from './external.ts';
import { DataType, elementCount, isRange, type Tensor } from './graph.ts';
import { ModelProtoSchema, TensorProtoSchema } from './onnx_pb.js';
import { readModel } from './read.ts';
import { inFile } from './testing/inFile.ts';
import { graphOf, memoryFolder, modelOf } from './testing/text.ts';

const folder = memoryFolder({
  'onnx/m.onnx': new Uint8Array(10),
  'onnx/m.onnx_data': new Uint8Array(100),
  'shared.bin': new Uint8Array(50),
});
const resolve = externalResolver(folder, 'onnx/m.onnx');

describe('externalResolver', () => {
  it('takes locations relative to the graph file', () => {
    expect(resolve({ location: 'm.onnx_data', offset: 60, length: 40 }, 'w', 40)).toEqual({
      file: 'onnx/m.onnx_data',
      offset: 60,
      length: 40,
    });
    expect(resolve({ location: '../shared.bin', offset: 0, length: null }, 'w', 16)).toEqual({
      file: 'shared.bin',
      offset: 0,
      length: 16,
    });
    expect(resolve({ location: './/m.onnx_data', offset: 0, length: 0 }, 'w', 0).file).toBe(
      'onnx/m.onnx_data',
    );
  });

  it('refuses paths that leave the folder', () => {
    for (const location of [
      '../../x',
      '/etc/passwd',
      '\\\\host\\x',
      'C:\\x',
      'a/../../../x',
      'x\u0000y',
    ]) {
      expect(() => joinPath('onnx/m.onnx', location)).toThrow(/outside the model folder/);
    }
  });

  it('names a missing file, and a short one with both sizes', () => {
    expect(() => resolve({ location: 'gone.bin', offset: 0, length: 4 }, 'w', 4)).toThrow(
      /onnx\/gone.bin is not in the folder memory/,
    );
    expect(() => resolve({ location: 'm.onnx_data', offset: 80, length: 40 }, 'w', 40)).toThrow(
      /m.onnx_data is too short: tensor w ends at byte 120 and the file has 100 bytes/,
    );
    expect(() => resolve({ location: 'm.onnx_data', offset: 0, length: 8 }, 'w', 40)).toThrow(
      /needs 40 bytes, but the graph gives it 8 in onnx\/m.onnx_data/,
    );
    expect(() => resolve({ location: 'm.onnx_data', offset: 0, length: null }, 'w', null)).toThrow(
      /how long tensor w/,
    );
  });

  it('loads small operands that an exporter moved out, not weights', async () => {
    const model = modelOf(
      'in x f32 [2]\ninit shape i64 [1]\ninit w f32 [2]\ny = Reshape(x, shape)\nz = Add(y, ' +
        'w)\nout z f32 [2]',
    );
    model.graph.initializers.set('shape', {
      name: 'shape',
      type: DataType.int64,
      dims: [1],
      data: { file: 'd', offset: 8, length: 8 },
    });
    model.graph.initializers.set('w', {
      name: 'w',
      type: DataType.float,
      dims: [17],
      data: { file: 'd', offset: 0, length: 68 },
    });
    model.graph.initializers.set('other', {
      name: 'other',
      type: DataType.int32,
      dims: [],
      data: { file: 'd', offset: 9000, length: 4 },
    });
    const bytes = encodeModel(
      model,
      inFile((r) => ({
        location: r.file,
        offset: r.offset,
        length: r.length,
      })),
    );
    const { graph } = await readModel(
      memoryFolder({ 'm.onnx': bytes, d: Uint8Array.from({ length: 9004 }, (_, i) => i) }),
      'm.onnx',
    );
    expect(graph.initializers.get('shape')!.data).toEqual(
      Uint8Array.from([8, 9, 10, 11, 12, 13, 14, 15]),
    );
    expect(graph.initializers.get('other')!.data).toEqual(Uint8Array.from([40, 41, 42, 43]));
    expect(isRange(graph.initializers.get('w')!.data)).toBe(true);
  });

  it('loads small values of Constant nodes and of branches', async () => {
    const external = (offset: number, dims: number[]): Tensor => ({
      name: '',
      type: DataType.float,
      dims,
      data: { file: 'd', offset, length: 4 * elementCount(dims) },
    });
    const model = modelOf('in c bool []\nk = Constant()\ny = If(c)\nout y f32 []');
    const branch = graphOf('z = Identity(v)\nout z f32 []');
    branch.initializers.set('v', { ...external(4, []), name: 'v' });
    const [constant, choice] = model.graph.nodes;
    constant!.attributes.set('value', { name: 'value', kind: 'tensor', value: external(0, []) });
    choice!.attributes.set('then_branch', { name: 'then_branch', kind: 'graph', value: branch });
    choice!.attributes.set('else_branch', { name: 'else_branch', kind: 'graph', value: branch });
    const bytes = encodeModel(
      model,
      inFile(({ file, offset, length }) => ({ location: file, offset, length })),
    );
    const data = Uint8Array.from({ length: 8 }, (_, i) => i);
    const read = await readModel(memoryFolder({ 'm.onnx': bytes, d: data }), 'm.onnx');
    const [k, y] = read.graph.nodes;
    expect(k?.attributes.get('value')).toMatchObject({ value: { data: data.slice(0, 4) } });
    expect(y?.attributes.get('then_branch')).toMatchObject({
      value: { initializers: new Map([['v', expect.objectContaining({ data: data.slice(4) })]]) },
    });
    expect(read.dataFiles).toEqual(['d']);
  });
});

// What ONNX Runtime 1.32 does with the same tensors.
describe('tensors as ONNX Runtime reads them', () => {
  const floats = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);
  const files = { 'w.bin': floats(-2, -1, 0, 1, 2), 'sub/w.bin': floats(7, 8, 9) };

  async function read(...protos: MessageInitShape<typeof TensorProtoSchema>[]) {
    const initializer = protos.map((proto) => create(TensorProtoSchema, { name: 'w', ...proto }));
    const model = create(ModelProtoSchema, { graph: { initializer } });
    const folder = memoryFolder({ ...files, 'm.onnx': toBinary(ModelProtoSchema, model) });
    const { data } = (await readModel(folder, 'm.onnx')).graph.initializers.get('w')!;
    const bytes =
      data instanceof Uint8Array
        ? data
        : await new BytesReader(folder).open(data).read(0, data.length);
    return bytes;
  }
  const external = (dims: bigint[], entries: Record<string, string | number>) => ({
    dataType: DataType.float,
    dims,
    dataLocation: 1,
    externalData: Object.entries(entries).map(([key, value]) => ({ key, value: String(value) })),
  });

  it.each([
    ['length 0', { location: 'w.bin', offset: 8, length: 0 }, [0, 1]],
    ['no length', { location: 'w.bin', offset: 8 }, [0, 1]],
    ['no offset', { location: 'w.bin' }, [-2, -1]],
    ['./', { location: './w.bin', offset: 4 }, [-1, 0]],
    ['a subfolder', { location: 'sub/w.bin', offset: 4 }, [8, 9]],
    ['a subfolder as Windows writes it', { location: 'sub\\w.bin', offset: 4 }, [8, 9]],
  ])('%s', async (_, entries, values) => {
    expect(await read(external([2n], entries))).toEqual(floats(...values));
  });

  it.each([
    ['another length', { location: 'w.bin', length: 12 }],
    ['beyond the end', { location: 'w.bin', offset: 16 }],
    ['a signed offset', { location: 'w.bin', offset: '+4' }],
    ['no location', { offset: 0 }],
  ])('refuses %s', async (_, entries) => {
    await expect(read(external([2n], entries))).rejects.toMatchObject({ code: 'corrupt-file' });
  });

  it('prefers data outside the file, then raw data', async () => {
    const outside = external([2n], { location: 'w.bin' });
    expect(await read({ ...outside, rawData: floats(5, 6) })).toEqual(floats(-2, -1));
    const inside = { dataType: DataType.float, dims: [2n], floatData: [3, 4] };
    expect(await read({ ...inside, rawData: floats(5, 6) })).toEqual(floats(5, 6));
    const large = Array.from({ length: 300 }, (_, k) => k);
    const both = { dataType: DataType.float, dims: [300n], floatData: large.map((x) => -x) };
    expect(await read({ ...both, rawData: floats(...large) })).toEqual(floats(...large));
    const far = { ...external([300n], { location: 'w.bin' }), rawData: floats(...large) };
    await expect(read(far)).rejects.toThrow(/w.bin is too short/);
  });

  it('refuses constants of local functions outside the file, which would be lost', async () => {
    const t = { name: 'c', ...external([2n], { location: 'w.bin' }) };
    const node = [
      { opType: 'Constant', output: ['c'], attribute: [{ name: 'value', type: 4, t }] },
    ];
    const model = create(ModelProtoSchema, { graph: {}, functions: [{ name: 'scaled', node }] });
    const folder = memoryFolder({ ...files, 'm.onnx': toBinary(ModelProtoSchema, model) });
    await expect(readModel(folder, 'm.onnx')).rejects.toThrow(/local function scaled/);
  });

  it('takes the last of two weights with one name that are alike', async () => {
    const [a, b] = [1, 2].map((x) => ({
      dataType: DataType.float,
      dims: [1n],
      rawData: floats(x),
    }));
    expect(await read(a!, b!)).toEqual(floats(2));
    await expect(read(a!, { ...b!, dims: [] })).rejects.toThrow(/different shapes/);
  });

  it.each([
    ['bool', { dataType: DataType.bool, int32Data: [256, 0] }, [1, 0]],
    ['int8', { dataType: DataType.int8, int32Data: [300, -5] }, [44, 251]],
    ['float16', { dataType: DataType.float16, int32Data: [0x3c00, 0x4000] }, [0, 60, 0, 64]],
    ['bfloat16', { dataType: DataType.bfloat16, int32Data: [0x3f80, 0] }, [128, 63, 0, 0]],
    ['uint16', { dataType: DataType.uint16, int32Data: [65000, 7] }, [232, 253, 7, 0]],
    [
      'uint32',
      { dataType: DataType.uint32, uint64Data: [2n ** 32n + 3n, 7n] },
      [3, 0, 0, 0, 7, 0, 0, 0],
    ],
    ['complex64', { dataType: 14, dims: [1n], floatData: [0, 1] }, [0, 0, 0, 0, 0, 0, 128, 63]],
    ['int4', { dataType: DataType.int4, dims: [3n], int32Data: [0x21, 0x0f] }, [0x21, 0x0f]],
  ])('typed data of %s', async (_, proto, bytes) => {
    expect(await read({ dims: [2n], ...proto })).toEqual(Uint8Array.from(bytes));
  });
});
