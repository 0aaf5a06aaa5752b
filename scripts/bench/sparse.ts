// Makes folders of any size that take no room: real graphs whose weight matrices are stretched over holes of sparse files. For the bench only.

import { closeSync, cpSync, existsSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type GraphProto,
  GraphProtoSchema,
  ModelProtoSchema,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProtoSchema,
} from '../../src/onnx/onnx_pb.js';

/** Rows of every matrix times `factor`; true when the tensor is a large one with raw or external bytes. */
function stretch(tensor: TensorProto, factor: number): boolean {
  if (tensor.dims.length < 2 || tensor.dims.reduce((n, d) => n * Number(d), 1) < 4096) return false;
  tensor.dims[0] = tensor.dims[0]! * BigInt(factor);
  return true;
}

/** Matrices, scales and zero points of 4-bit products with `factor` times the rows; returns their names. */
function stretchNBits({ node, initializer }: GraphProto, factor: number): Set<string> {
  const products = node.filter(({ opType }) => opType === 'MatMulNBits');
  for (const { attribute } of products) for (const entry of attribute) if (entry.name === 'N') entry.i *= BigInt(factor);
  const names = new Set(products.flatMap(({ input }) => input.slice(1, 4)));
  for (const tensor of initializer) if (names.has(tensor.name)) tensor.dims[0] = tensor.dims[0]! * BigInt(factor);
  return names;
}

/**
 * A graph with its weights in `model.onnx_data`, of `factor` times the size. Returns bytes of that file.
 * @param graph path of the graph within the folder
 */
export function makeSparseExternal(folder: string, out: string, factor: number, graph = 'onnx/model.onnx'): number {
  for (const name of ['config.json', 'genai_config.json']) if (existsSync(join(folder, name))) cpSync(join(folder, name), join(out, name));
  const model = fromBinary(ModelProtoSchema, readFileSync(join(folder, graph)));
  const stretched = stretchNBits(model.graph!, factor);
  let end = 0;
  for (const tensor of model.graph!.initializer) {
    const stored = Number(tensor.externalData.find(({ key }) => key === 'length')?.value ?? tensor.rawData.length);
    const grown = stretched.has(tensor.name) || (tensor.externalData.length > 0 && stretch(tensor, factor));
    if (!grown && tensor.externalData.length === 0) continue;
    const length = grown ? stored * factor : stored;
    const place = { location: 'model.onnx_data', offset: end, length };
    tensor.externalData = Object.entries(place).map(([key, value]) => create(StringStringEntryProtoSchema, { key, value: String(value) }));
    tensor.dataLocation = TensorProto_DataLocation.EXTERNAL;
    tensor.rawData = new Uint8Array(0);
    end += Math.ceil(length / 4096) * 4096;
  }
  writeFile(join(out, 'model.onnx'), [{ bytes: toBinary(ModelProtoSchema, model) }]);
  writeFile(join(out, 'model.onnx_data'), [{ hole: end }]);
  return end;
}

/** Holes are read without a disk: real bytes take their place, which are ordinary numbers as float32, float16 and integers. */
export function fillWithNoise(path: string, bytes: number): void {
  const noise = new Uint32Array(2 ** 20);
  for (let k = 0; k < noise.length; k++) noise[k] = Math.imul(k + 1, 2654435761) & 0xbfffbfff;
  const file = openSync(path, 'r+');
  for (let at = 0; at < bytes; at += noise.byteLength) writeSync(file, noise, 0, Math.min(noise.byteLength, bytes - at), at);
  closeSync(file);
}

/** An exporter's float32 graph with its weights inline, stretched by `factor`; a protobuf must stay below 2 GiB. Returns bytes of the file. */
export function makeSparseInline(folder: string, out: string, factor: number): number {
  cpSync(join(folder, 'config.json'), join(out, 'config.json'));
  const model = fromBinary(ModelProtoSchema, readFileSync(join(folder, 'onnx/model.onnx')));
  const graph = model.graph!;
  const tensors = graph.initializer;
  graph.initializer = [];
  delete model.graph;
  const pieces: Piece[] = [{ bytes: toBinary(GraphProtoSchema, graph) }];
  for (const tensor of tensors) {
    const raw = tensor.rawData;
    const inner: Piece[] = [];
    if (stretch(tensor, factor)) {
      tensor.rawData = new Uint8Array(0);
      const hole = raw.length * factor;
      inner.push(
        { bytes: toBinary(TensorProtoSchema, tensor) },
        { bytes: lengthDelimited(TensorProtoSchema.field.rawData.number, hole) },
        { hole },
      );
    } else inner.push({ bytes: toBinary(TensorProtoSchema, tensor) });
    pieces.push({ bytes: lengthDelimited(GraphProtoSchema.field.initializer.number, sizeOf(inner)) }, ...inner);
  }
  const all = [
    { bytes: toBinary(ModelProtoSchema, model) },
    { bytes: lengthDelimited(ModelProtoSchema.field.graph.number, sizeOf(pieces)) },
    ...pieces,
  ];
  writeFile(join(out, 'model.onnx'), all);
  return sizeOf(all);
}

type Piece = { bytes: Uint8Array; hole?: never } | { hole: number; bytes?: never };

const sizeOf = (pieces: readonly Piece[]): number => pieces.reduce((n, piece) => n + (piece.bytes?.length ?? piece.hole ?? 0), 0);

/** Tag and length of a length-delimited protobuf field. */
function lengthDelimited(field: number, length: number): Uint8Array {
  const out: number[] = [];
  for (let value of [field * 8 + 2, length]) {
    for (; value > 127; value = Math.floor(value / 128)) out.push((value % 128) | 128);
    out.push(value);
  }
  return Uint8Array.from(out);
}

function writeFile(path: string, pieces: readonly Piece[]): void {
  const file = openSync(path, 'w');
  let at = 0;
  for (const piece of pieces) {
    if (piece.bytes) writeSync(file, piece.bytes, 0, piece.bytes.length, at);
    at += piece.bytes?.length ?? piece.hole ?? 0;
  }
  ftruncateSync(file, at);
  closeSync(file);
}
