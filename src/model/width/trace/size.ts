// A size that may not be known before a run, and what can be computed of it.

import { DataType, type Tensor } from '../../../onnx/graph.ts';

/** A number, or a symbol: equal symbols are equal sizes. */
export type Size = number | string;

/** An entry of a vector of sizes. */
export interface Entry {
  size: Size;
  /** It follows the dims of a value, so that it changes with them. */
  live: boolean;
}

export interface Known {
  /** Null where the rank is not known. */
  dims: readonly Size[] | null;
  /** Of integers, a scalar or a short vector; null where they are not known. */
  content: readonly Entry[] | null;
}

/** Longer vectors are no sizes. */
export const MAX_ENTRIES = 16;

export function broadcast(all: readonly (readonly Size[])[]): Size[] {
  const rank = Math.max(...all.map(({ length }) => length));
  return Array.from({ length: rank }, (_, axis) => {
    const sizes = all.map((dims) => dims[axis - rank + dims.length] ?? 1);
    // A number beside a symbol is the size that both have.
    return (
      sizes.find((size) => typeof size === 'number' && size !== 1) ??
      sizes.find((size) => size !== 1) ??
      1
    );
  });
}

/** Between the factors of a size that is a product: "4·sequence_length". */
const TIMES = '·';

/** Numbers and symbols multiplied; equal products have equal keys. */
export function product(dims: readonly Size[]): { factor: number; symbols: string[] } {
  let factor = 1;
  const symbols: string[] = [];
  for (const part of dims.flatMap((size) => String(size).split(TIMES))) {
    if (/^\d+$/.test(part)) factor *= Number(part);
    else symbols.push(part);
  }
  return { factor, symbols: symbols.sort() };
}

/** All of them multiplied. */
export function times(dims: readonly Size[]): Size {
  const { factor, symbols } = product(dims);
  if (symbols.length === 0) return factor;
  return [...(factor === 1 ? [] : [factor]), ...symbols].join(TIMES);
}

/** What is left of the whole besides the parts; null where it is no whole number of them. */
export function quotient(whole: readonly Size[], parts: readonly Size[]): Size | null {
  const of = product(whole);
  const by = product(parts);
  const left = [...of.symbols];
  for (const symbol of by.symbols) {
    const at = left.indexOf(symbol);
    if (at < 0) return null;
    left.splice(at, 1);
  }
  const factor = of.factor / by.factor;
  return Number.isInteger(factor) ? times([factor, ...left]) : null;
}

/** Numbers from..to of an axis, as Slice counts them; null where they are not known. */
export function sliceRange(
  size: Size,
  from: Size | undefined,
  to: Size | undefined,
): [number, number] | null {
  if (typeof size !== 'number' || typeof from !== 'number' || typeof to !== 'number') return null;
  const clamp = (k: number): number => Math.max(0, Math.min(size, k < 0 ? k + size : k));
  return [clamp(from), Math.max(clamp(from), clamp(to))];
}

/** Of an entry. */
const BYTES: ReadonlyMap<number, number> = new Map([
  [DataType.int64, 8],
  [DataType.int32, 4],
  [DataType.bool, 1],
]);

/** Dims and, where it is short, the integers of a stored tensor. */
export function ofTensor({ dims, type, data }: Tensor): Known {
  const count = dims.reduce((n, size) => n * size, 1);
  const bytes = BYTES.get(type) ?? 0;
  const isContent = dims.length <= 1 && count <= MAX_ENTRIES && bytes > 0;
  if (!isContent || !(data instanceof Uint8Array) || data.length !== count * bytes)
    return { dims, content: null };
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const content = Array.from({ length: count }, (_, k) => ({
    size: integerAt(view, bytes, k),
    live: false,
  }));
  return { dims, content };
}

function integerAt(view: DataView, bytes: number, k: number): number {
  if (bytes === 8) return Number(view.getBigInt64(8 * k, true));
  return bytes === 4 ? view.getInt32(4 * k, true) : view.getUint8(k);
}
