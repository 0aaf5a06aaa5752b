// Makes folders of any size for the benchmark: real graphs with enlarged weight matrices, which are
// holes of sparse files or repeat their own values.

import {
  closeSync,
  cpSync,
  existsSync,
  ftruncateSync,
  openSync,
  readFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
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

/**
 * Rows of every matrix times `factor`; true when the tensor is a large one with raw or external
 * bytes.
 */
function stretch(tensor: TensorProto, factor: number): boolean {
  if (tensor.dims.length < 2 || tensor.dims.reduce((n, d) => n * Number(d), 1) < 4096) return false;
  tensor.dims[0] = tensor.dims[0]! * BigInt(factor);
  return true;
}

/**
 * Rows of the sample's 4-bit matrices are shorter than those of any model worth pruning: 128 values
 * become 2048.
 */
const WIDER = 16;

/**
 * Matrices, scales and zero points of 4-bit products with `factor` (a multiple of 16) times the
 * values; returns their names.
 */
function stretchNBits({ node, initializer }: GraphProto, factor: number): Set<string> {
  const products = node.filter(({ opType }) => opType === 'MatMulNBits');
  for (const entry of products.flatMap(({ attribute }) => attribute)) {
    if (entry.name === 'N') entry.i *= BigInt(factor / WIDER);
    if (entry.name === 'K') entry.i *= BigInt(WIDER);
  }
  const names = new Set(products.flatMap(({ input }) => input.slice(1, 4)));
  for (const tensor of initializer)
    if (names.has(tensor.name)) tensor.dims[0] = tensor.dims[0]! * BigInt(factor);
  return names;
}

export interface Stretched {
  /** Times the rows of every matrix. */
  factor: number;
  /** Path of the graph within the folder. */
  graph?: string | undefined;
  /** Values of the original in place of holes. */
  full?: boolean | undefined;
}

/** A graph with its weights in `model.onnx_data`. Returns bytes of that file. */
export function makeExternal(
  folder: string,
  out: string,
  { factor, graph = 'onnx/model.onnx', full = false }: Stretched,
): number {
  for (const name of ['config.json', 'genai_config.json'])
    if (existsSync(join(folder, name))) cpSync(join(folder, name), join(out, name));
  const model = fromBinary(ModelProtoSchema, readFileSync(join(folder, graph)));
  const stretched = stretchNBits(model.graph!, factor);
  const data = new Map<string, Uint8Array>();
  const read = (name: string): Uint8Array => {
    const known = data.get(name) ?? readFileSync(join(folder, dirname(graph), name));
    data.set(name, known);
    return known;
  };
  const pieces: Piece[] = [];
  for (const tensor of model.graph!.initializer) {
    const bytes = bytesOf(tensor, read);
    const grown =
      stretched.has(tensor.name) || (tensor.externalData.length > 0 && stretch(tensor, factor));
    if (!grown && tensor.externalData.length === 0) continue;
    const times = grown ? factor : 1;
    const place = {
      location: 'model.onnx_data',
      offset: sizeOf(pieces),
      length: bytes.length * times,
    };
    tensor.externalData = Object.entries(place).map(([key, value]) =>
      create(StringStringEntryProtoSchema, { key, value: String(value) }),
    );
    tensor.dataLocation = TensorProto_DataLocation.EXTERNAL;
    tensor.rawData = new Uint8Array(0);
    const gap = -place.length & 4095;
    if (full) pieces.push({ bytes, times }, { hole: gap });
    else pieces.push({ hole: place.length + gap });
  }
  writeFile(join(out, 'model.onnx'), [{ bytes: toBinary(ModelProtoSchema, model) }]);
  writeFile(join(out, 'model.onnx_data'), pieces);
  return sizeOf(pieces);
}

function bytesOf(
  { rawData, externalData }: TensorProto,
  read: (name: string) => Uint8Array,
): Uint8Array {
  const place = Object.fromEntries(externalData.map(({ key, value }) => [key, value]));
  if (place.location === undefined) return rawData;
  const offset = Number(place.offset ?? 0);
  return read(place.location).subarray(offset, offset + Number(place.length));
}

/**
 * An exporter's float32 graph with its weights inline, stretched by `factor`; a protobuf must stay
 * below 2 GiB. Returns bytes of the file.
 */
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
    pieces.push(
      { bytes: lengthDelimited(GraphProtoSchema.field.initializer.number, sizeOf(inner)) },
      ...inner,
    );
  }
  const all = [
    { bytes: toBinary(ModelProtoSchema, model) },
    { bytes: lengthDelimited(ModelProtoSchema.field.graph.number, sizeOf(pieces)) },
    ...pieces,
  ];
  writeFile(join(out, 'model.onnx'), all);
  return sizeOf(all);
}

type Piece = { bytes: Uint8Array; times?: number; hole?: never } | { hole: number; bytes?: never };

const sizeOfOne = (piece: Piece): number =>
  piece.bytes ? piece.bytes.length * (piece.times ?? 1) : piece.hole;
const sizeOf = (pieces: readonly Piece[]): number =>
  pieces.reduce((n, piece) => n + sizeOfOne(piece), 0);

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
    for (let k = 0; piece.bytes && k < (piece.times ?? 1); k++)
      writeSync(file, piece.bytes, 0, piece.bytes.length, at + k * piece.bytes.length);
    at += sizeOfOne(piece);
  }
  ftruncateSync(file, at);
  closeSync(file);
}
