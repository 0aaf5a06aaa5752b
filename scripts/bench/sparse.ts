// Makes folders of about 2 GB that take no room: real graphs whose weight matrices are stretched over holes of sparse files. For the bench only.

import { closeSync, cpSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { GraphProtoSchema, ModelProtoSchema, type TensorProto, TensorProtoSchema } from '../../src/onnx/onnx_pb.js';

/** Rows of every matrix times `factor`; true when the tensor is a large one with raw or external bytes. */
function stretch(tensor: TensorProto, factor: number): boolean {
  if (tensor.dims.length < 2 || tensor.dims.reduce((n, d) => n * Number(d), 1) < 4096) return false;
  tensor.dims[0] = tensor.dims[0]! * BigInt(factor);
  return true;
}

/** The sample's float32 graph with external data of `factor` times the size. Returns bytes of the data file. */
export function makeSparseExternal(sample: string, out: string, factor: number): number {
  cpSync(join(sample, 'config.json'), join(out, 'config.json'));
  const model = fromBinary(ModelProtoSchema, readFileSync(join(sample, 'onnx/model.onnx')));
  let end = 0;
  for (const tensor of model.graph!.initializer) {
    const length = tensor.externalData.find((entry) => entry.key === 'length');
    const offset = tensor.externalData.find((entry) => entry.key === 'offset');
    if (!length || !offset) continue;
    if (stretch(tensor, factor)) length.value = String(Number(length.value) * factor);
    offset.value = String(end);
    end += Math.ceil(Number(length.value) / 4096) * 4096;
    for (const entry of tensor.externalData) if (entry.key === 'location') entry.value = 'model.onnx_data';
  }
  writeFile(join(out, 'model.onnx'), [{ bytes: toBinary(ModelProtoSchema, model) }]);
  writeFile(join(out, 'model.onnx_data'), [{ hole: end }]);
  return end;
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
