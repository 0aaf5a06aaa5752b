// Wire bytes to graph and back: fidelity on real files, typed data fields, attributes of every
// kind.

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { corpus, fixturePath } from '../testing/fixtures.ts';
import { decodeModel, encodeModel, type PlaceTensor, type ResolveExternal } from './codec.ts';
import { type Attribute, DataType, type Model } from './graph.ts';
import {
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  TensorProtoSchema,
} from './onnx_pb.js';
import { readModel } from './read.ts';
import { diskFolder } from './testing/diskFolder.ts';
import { inFile } from './testing/inFile.ts';
import { graphOf, modelOf, plain } from './testing/text.ts';

const toPlace: PlaceTensor = inFile((range) => ({
  location: range.file,
  offset: range.offset,
  length: range.length,
}));
const fromPlace: ResolveExternal = ({ location, offset, length }) => ({
  file: location,
  offset,
  length: length ?? 0,
});
const again = (model: Model): Model => decodeModel(encodeModel(model, toPlace), fromPlace);

/** A model with one tensor initializer, as the wire has it. */
function tensorFile(tensor: Parameters<typeof create<typeof TensorProtoSchema>>[1]): Uint8Array {
  const graph = create(GraphProtoSchema, { initializer: [create(TensorProtoSchema, tensor)] });
  return toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion: 10n, graph }));
}

function dataOf(bytes: Uint8Array): Uint8Array {
  const { data } = [...decodeModel(bytes, fromPlace).graph.initializers.values()][0]!;
  if (!(data instanceof Uint8Array)) throw new Error('a range');
  return data.slice();
}

describe('codec', () => {
  it.each(corpus())('keeps every part of $folder', async ({ folder, file }) => {
    const model = await readModel(diskFolder(fixturePath(folder)), file);
    const back = again(model);
    expect(plain(back.graph)).toEqual(plain(model.graph));
    expect({ ...back, graph: null }).toEqual({ ...model, graph: null, dataFiles: undefined });
  });

  it('makes raw little-endian bytes of every typed data field', () => {
    const raw = (a: ArrayBufferView): Uint8Array => new Uint8Array(a.buffer);
    expect(
      dataOf(tensorFile({ dataType: DataType.float, dims: [2n], floatData: [1.5, -2] })),
    ).toEqual(raw(Float32Array.of(1.5, -2)));
    expect(
      dataOf(tensorFile({ dataType: DataType.double, dims: [1n], doubleData: [0.1] })),
    ).toEqual(raw(Float64Array.of(0.1)));
    expect(
      dataOf(tensorFile({ dataType: DataType.int64, dims: [2n], int64Data: [-1n, 2n ** 62n] })),
    ).toEqual(raw(BigInt64Array.of(-1n, 2n ** 62n)));
    expect(
      dataOf(tensorFile({ dataType: DataType.uint32, dims: [1n], uint64Data: [4294967295n] })),
    ).toEqual(raw(Uint32Array.of(4294967295)));
    expect(dataOf(tensorFile({ dataType: DataType.int32, dims: [1n], int32Data: [-7] }))).toEqual(
      raw(Int32Array.of(-7)),
    );
    expect(
      dataOf(tensorFile({ dataType: DataType.float16, dims: [2n], int32Data: [0x3c00, 0xbc00] })),
    ).toEqual(raw(Uint16Array.of(0x3c00, 0xbc00)));
    expect(dataOf(tensorFile({ dataType: DataType.int8, dims: [2n], int32Data: [-1, 5] }))).toEqual(
      Uint8Array.of(255, 5),
    );
    expect(
      dataOf(tensorFile({ dataType: DataType.bool, dims: [3n], int32Data: [1, 0, 1] })),
    ).toEqual(Uint8Array.of(1, 0, 1));
    expect(
      dataOf(tensorFile({ dataType: DataType.uint4, dims: [3n], int32Data: [0x21, 0x03] })),
    ).toEqual(Uint8Array.of(0x21, 0x03));
    expect(dataOf(tensorFile({ dataType: DataType.float, dims: [0n] }))).toEqual(new Uint8Array(0));
  });

  it('keeps string tensors', () => {
    const bytes = tensorFile({
      name: 's',
      dataType: DataType.string,
      dims: [2n],
      stringData: [new Uint8Array([104, 105]), new Uint8Array(0)],
    });
    const back = fromBinary(ModelProtoSchema, encodeModel(decodeModel(bytes, fromPlace), toPlace));
    expect(back.graph?.initializer[0]?.stringData.map((s) => s.slice())).toEqual([
      new Uint8Array([104, 105]),
      new Uint8Array(0),
    ]);
  });

  it('refuses data that does not fill the dims, and sparse weights', () => {
    expect(() =>
      dataOf(tensorFile({ name: 'w', dataType: DataType.float, dims: [3n], floatData: [1, 2] })),
    ).toThrow(/w of dims \[3\] needs 12 bytes and has 8/);
    expect(() => dataOf(tensorFile({ name: 'w', dataType: DataType.float, dims: [-3n] }))).toThrow(
      /dimension of tensor w is -3/,
    );
    const sparse = toBinary(
      ModelProtoSchema,
      create(ModelProtoSchema, { graph: create(GraphProtoSchema, { sparseInitializer: [{}] }) }),
    );
    expect(() => decodeModel(sparse, fromPlace)).toThrow(/sparse/);
  });

  it('round-trips attributes of every kind', () => {
    const tensor = { name: 'c', type: DataType.int64, dims: [1], data: new Uint8Array(8) };
    const sub = graphOf('in a f32 [2]\nb = Neg(a)\nout b f32 [2]');
    const list: Attribute[] = [
      { name: 'f', kind: 'float', value: 0.5 },
      { name: 'f0', kind: 'float', value: 0 },
      { name: 'i', kind: 'int', value: -(2 ** 53) + 1 },
      { name: 's', kind: 'string', value: new Uint8Array([255, 0]) },
      { name: 't', kind: 'tensor', value: tensor },
      { name: 'g', kind: 'graph', value: sub },
      { name: 'fs', kind: 'floats', value: [1, 2] },
      { name: 'is', kind: 'ints', value: [] },
      { name: 'ss', kind: 'strings', value: [new Uint8Array([1])] },
      { name: 'ts', kind: 'tensors', value: [tensor] },
      { name: 'gs', kind: 'graphs', value: [sub, sub] },
    ];
    const model = modelOf('x = Test()');
    model.graph.nodes[0]!.attributes = new Map(list.map((a) => [a.name, a]));
    model.graph.nodes[0]!.overload = 'v2';
    expect(plain(again(model).graph)).toEqual(plain(model.graph));
  });

  it('keeps integers beyond 2^53 and untyped attributes', () => {
    const file = (a: Parameters<typeof create<typeof AttributeProtoSchema>>[1]): Uint8Array =>
      toBinary(
        ModelProtoSchema,
        create(ModelProtoSchema, {
          graph: { node: [{ opType: 'T', attribute: [create(AttributeProtoSchema, a)] }] },
        }),
      );
    const big = decodeModel(file({ name: 'end', type: 2, i: 2n ** 63n - 1n }), fromPlace);
    expect(big.graph.nodes[0]?.attributes.get('end')?.kind).toBe('opaque');
    expect(
      fromBinary(ModelProtoSchema, encodeModel(big, toPlace)).graph?.node[0]?.attribute[0]?.i,
    ).toBe(2n ** 63n - 1n);
    const untyped = (a: Parameters<typeof create<typeof AttributeProtoSchema>>[1]) =>
      decodeModel(file({ name: 'a', ...a }), fromPlace).graph.nodes[0]?.attributes.get('a');
    expect(untyped({ i: 0n })).toEqual({ name: 'a', kind: 'int', value: 0 });
    expect(untyped({ ints: [1n, 2n] })).toEqual({ name: 'a', kind: 'ints', value: [1, 2] });
  });

  it('round-trips random small graphs', () => {
    const dim = fc.oneof(fc.nat(9), fc.constantFrom('B', 'past + S'), fc.constant(null));
    const value = fc.record({
      name: fc.string({ minLength: 1 }),
      type: fc.constantFrom(1, 7, 9, 10),
      dims: fc.option(fc.array(dim, { maxLength: 4 })),
    });
    fc.assert(
      fc.property(
        fc.array(value, { maxLength: 4 }),
        fc.array(fc.array(fc.string(), { maxLength: 3 }), { maxLength: 5 }),
        (values, nodes) => {
          const model = modelOf('');
          model.graph.inputs = values;
          model.graph.outputs = values;
          model.graph.valueInfo = new Map(values.map((v) => [v.name, v]));
          model.graph.nodes = nodes.map((inputs, k) => ({
            name: '',
            op: `Op${k}`,
            domain: '',
            inputs,
            outputs: [`o${k}`],
            attributes: new Map(),
          }));
          expect(plain(again(model).graph)).toEqual(plain(model.graph));
        },
      ),
      { numRuns: 100 },
    );
  });
});
