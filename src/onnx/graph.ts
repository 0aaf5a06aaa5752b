// The in-memory form of an ONNX model: graphs, nodes, attributes and tensors, independent of
// protobuf.

import type { ByteRange, Bytes } from './source.ts';

/** TensorProto.DataType with the numbers of onnx.proto. */
export const DataType = {
  undefined: 0,
  float: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  double: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
  uint4: 21,
  int4: 22,
} as const;
export type DataType = number;

/**
 * A constant tensor. Large ones are byte ranges of the user's files; small ones hold their raw
 * little-endian bytes. In a graph that is about to be written some are derived from others.
 */
export interface Tensor {
  name: string;
  type: DataType;
  dims: readonly number[];
  data: Bytes;
}

/**
 * An attribute of a node, with one kind of value. Integers are numbers; an attribute with integers
 * beyond 2^53 is `opaque`.
 */
export type Attribute =
  | { name: string; kind: 'float'; value: number }
  | { name: string; kind: 'int'; value: number }
  | { name: string; kind: 'string'; value: Uint8Array }
  | { name: string; kind: 'tensor'; value: Tensor }
  | { name: string; kind: 'graph'; value: Graph }
  | { name: string; kind: 'floats'; value: readonly number[] }
  | { name: string; kind: 'ints'; value: readonly number[] }
  | { name: string; kind: 'strings'; value: readonly Uint8Array[] }
  | { name: string; kind: 'tensors'; value: readonly Tensor[] }
  | { name: string; kind: 'graphs'; value: readonly Graph[] }
  /**
   * Kinds that decoders do not use (type protos, sparse tensors, integers beyond 2^53): the bytes
   * of the AttributeProto, passed through.
   */
  | { name: string; kind: 'opaque'; value: Uint8Array };

/** An operator call. Empty names in `inputs` and `outputs` are omitted optional operands. */
export interface Node {
  name: string;
  op: string;
  /** '' for ai.onnx. */
  domain: string;
  inputs: string[];
  outputs: string[];
  attributes: Map<string, Attribute>;
  /** The overload of a local function; absent for operators. */
  overload?: string;
  /** Set when a skip norm is expanded, so that it can be fused again; never written to a file. */
  tag?: SkipTag;
}

/** The role of a node in an expanded Skip(Simplified)LayerNormalization. */
interface SkipTag {
  part: 'add' | 'bias' | 'norm';
  /** The fused operator it came from. */
  op: string;
}

/** A dimension: a number, a symbol (dim_param), or unknown (null). */
export type Dim = number | string | null;

/** Name, element type (0: not declared) and shape of a value (`dims` null: not declared). */
export interface ValueInfo {
  name: string;
  type: DataType;
  dims: readonly Dim[] | null;
  /** Bytes of a TypeProto that is not a tensor (sequence, map, optional), passed through. */
  opaqueType?: Uint8Array;
}

/** A graph or subgraph; `nodes` may be in any order until they are sorted. */
export interface Graph {
  name: string;
  nodes: Node[];
  initializers: Map<string, Tensor>;
  inputs: ValueInfo[];
  outputs: ValueInfo[];
  /** Declared types of values that are neither inputs nor outputs. */
  valueInfo: Map<string, ValueInfo>;
}

/** A model file. Local functions are kept as bytes of FunctionProto. */
export interface Model {
  irVersion: number;
  producerName: string;
  producerVersion: string;
  /** Domain ('' = ai.onnx) to version. */
  opsets: Map<string, number>;
  metadata: Map<string, string>;
  graph: Graph;
  functions: Uint8Array[];
  /** Files besides its own that it names as holding tensors; absent for a model made here. */
  dataFiles?: readonly string[];
}

/** Number of elements of a tensor with these dimensions; 1 for a scalar. */
export function elementCount(dims: readonly number[]): number {
  return dims.reduce((n, d) => n * d, 1);
}

/** Bits of one element; null for strings and types not listed in `DataType`. */
export function elementBits(type: DataType): number | null {
  switch (type) {
    case DataType.uint4:
    case DataType.int4:
      return 4;
    case DataType.uint8:
    case DataType.int8:
    case DataType.bool:
      return 8;
    case DataType.uint16:
    case DataType.int16:
    case DataType.float16:
    case DataType.bfloat16:
      return 16;
    case DataType.float:
    case DataType.int32:
    case DataType.uint32:
      return 32;
    case DataType.double:
    case DataType.int64:
    case DataType.uint64:
      return 64;
    default:
      return null;
  }
}

/** Number of bytes of a tensor's raw data. */
export function tensorBytes(tensor: Tensor): number {
  return tensor.data.length;
}

/** True for bytes that lie in a file. */
export function isRange(data: Bytes): data is ByteRange {
  return 'file' in data;
}

export function intAttribute(node: Node, name: string): number | undefined {
  const a = node.attributes.get(name);
  return a?.kind === 'int' ? a.value : undefined;
}

export function floatAttribute(node: Node, name: string): number | undefined {
  const a = node.attributes.get(name);
  return a?.kind === 'float' ? a.value : undefined;
}
