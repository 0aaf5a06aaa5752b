// Tensors in ordinary memory: element types, their typed arrays and sizes.

import type { Tensor } from 'onnxruntime-web';
import { EspalierError } from '../../errors.ts';
import type { ElementType } from '../../model/programs/program.ts';
import { fromHalf } from '../../onnx/half.ts';
import type { OrtRuntime } from './ort.ts';

export type HostData =
  | Float32Array
  | Float64Array
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/**
 * A tensor the host owns. float16 as raw bits in a Uint16Array, bool and packed 4-bit types as
 * bytes.
 */
export interface HostTensor {
  readonly type: ElementType;
  /** In elements. */
  readonly dims: readonly number[];
  readonly data: HostData;
}

interface ArrayKind {
  new (buffer: ArrayBuffer, byteOffset: number, length: number): HostData;
  readonly BYTES_PER_ELEMENT: number;
}

const ARRAYS: Record<ElementType, ArrayKind> = {
  float32: Float32Array,
  float16: Uint16Array,
  float64: Float64Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
  int4: Uint8Array,
  uint4: Uint8Array,
};

const NAMES: ReadonlySet<string> = new Set(Object.keys(ARRAYS));

/** True for an element type that programs can be fed with. */
function isElementType(name: string): name is ElementType {
  return NAMES.has(name);
}

export function count(dims: readonly number[]): number {
  return dims.reduce((n, d) => n * d, 1);
}

/** Bytes of a dense tensor; two 4-bit elements share a byte. */
export function byteSize(type: ElementType, dims: readonly number[]): number {
  const n = count(dims);
  return type === 'int4' || type === 'uint4'
    ? Math.ceil(n / 2)
    : n * ARRAYS[type].BYTES_PER_ELEMENT;
}

/** The bytes as elements, without a copy where alignment allows. */
export function elements(type: ElementType, bytes: Uint8Array<ArrayBuffer>): HostData {
  const kind = ARRAYS[type];
  const aligned = bytes.byteOffset % kind.BYTES_PER_ELEMENT === 0 ? bytes : bytes.slice();
  return new kind(
    aligned.buffer,
    aligned.byteOffset,
    Math.floor(aligned.byteLength / kind.BYTES_PER_ELEMENT),
  );
}

/** A tensor filled with one number. */
export function filled(type: ElementType, dims: readonly number[], value: number): HostTensor {
  const data = elements(type, new Uint8Array(byteSize(type, dims)));
  if (value !== 0) {
    if (data instanceof BigInt64Array || data instanceof BigUint64Array) data.fill(BigInt(value));
    else data.fill(type === 'float16' ? float16Bits(value) : value);
  }
  return { type, dims, data };
}

/** Numbers as a tensor of any numeric type: token ids, positions, targets. */
export function numbers(
  type: ElementType,
  dims: readonly number[],
  values: readonly number[],
): HostTensor {
  const data = elements(type, new Uint8Array(byteSize(type, dims)));
  for (const [i, value] of values.entries()) {
    if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[i] = BigInt(value);
    else data[i] = type === 'float16' ? float16Bits(value) : value;
  }
  return { type, dims, data };
}

/** Any float tensor's values as float32. @throws EspalierError `bug` for other types. */
export function toFloat32(tensor: HostTensor): Float32Array {
  return floats(tensor.type, tensor.data);
}

/**
 * Float values as float32, without a copy where they are. @throws EspalierError `bug` for other
 * types.
 */
export function floats(type: ElementType, data: HostData): Float32Array {
  if (data instanceof Float32Array) return data;
  if (type === 'float16' && data instanceof Uint16Array) {
    const table = float16Values();
    const out = new Float32Array(data.length);
    for (let i = 0; i < out.length; i++) out[i] = table[data[i] as number] as number;
    return out;
  }
  if (data instanceof Float64Array) return Float32Array.from(data);
  throw new EspalierError('bug', `A tensor of type ${type} was read as float32.`);
}

let halves: Float32Array | null = null;

/**
 * The value of each of the 65,536 float16 bit patterns: a row of logits is converted at every
 * token.
 */
function float16Values(): Float32Array {
  halves ??= Float32Array.from({ length: 65536 }, (_, bits) => fromHalf(bits));
  return halves;
}

/** A host tensor as ONNX Runtime's, sharing memory. */
export function toOrt(runtime: OrtRuntime, host: HostTensor): Tensor {
  return new runtime.ort.Tensor(host.type, host.data as Float32Array, host.dims as number[]);
}

/** Takes over an output that ONNX Runtime left in ordinary memory. */
export function fromOrt(tensor: Tensor): HostTensor {
  const type = tensor.type;
  if (!isElementType(type))
    throw new EspalierError('unsupported-op', `The runtime returned a tensor of type ${type}.`);
  const view = tensor.data as ArrayBufferView<ArrayBuffer>;
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  return { type, dims: tensor.dims, data: elements(type, bytes) };
}

/** IEEE half bits of a number in the normal range, rounded; smaller ones become zero. */
function float16Bits(value: number): number {
  const exponent = Math.floor(Math.log2(Math.abs(value)));
  if (value === 0 || exponent < -14) return 0;
  const sign = value < 0 ? 0x8000 : 0;
  return sign + ((exponent + 15) << 10) + Math.round((Math.abs(value) / 2 ** exponent - 1) * 1024);
}
